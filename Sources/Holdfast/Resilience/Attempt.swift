/// One run of a body, in a task of its own, for which somebody waits until a deadline.
///
/// The body begins on the caller's thread and goes on there until it first suspends, so that a call
/// that never does costs no change of threads. Whoever comes first decides what becomes of it: the
/// body that ends, or the timer. A caller that was told that the time is over may leave the body
/// behind, and with it the permits that it occupies.
///
/// It knows nothing of the body but how it ends; what the body returns stays with its task.
///
/// @unchecked Sendable, as its superclass is: all that it adds is a constant, a lock with what that guards.
final class Attempt: TimerTarget, @unchecked Sendable {
  /// Where a body runs.
  enum Place: Sendable {
    /// Where the caller is, until it suspends.
    case here
    /// On a thread that it may block.
    case thread(BlockingThreads)
  }

  fileprivate enum Phase {
    case running, ended, timedOut
    /// It was cancelled before it began, and will not.
    case withdrawn
    /// It was timed out, and nobody waits for it.
    case abandoned
  }

  fileprivate struct State {
    /// Which use of this object it is.
    var turn: UInt64 = 0
    var phase = Phase.running
    /// Not while it waits for a thread.
    var hasBegun = false
    var failure: (any Error)?
    /// The task of the body, while the body runs.
    var task: BodyTask?
    /// How many are cancelling the task just now. It does not end before they have done.
    var cancelling = 0
    /// Whether the end of the task waits for those, or did.
    var endIsHeldUp = false
    /// The caller, once it waits.
    var waiter: Waiter?
    /// The end of the task, which waits for those.
    var ending: Waiter?
    /// Whom to tell when an abandoned body ends.
    var leftBehind: LeftBehind?
  }

  /// @unchecked Sendable: used by others while its task is alive only, which `State.cancelling` sees to;
  /// and for cancelling only, which may be done by any thread.
  @safe fileprivate struct BodyTask: @unchecked Sendable {
    nonisolated(unsafe) let handle: UnsafeCurrentTask
  }

  /// Who waits. An object, so that the state of an attempt for which nobody does is moved as plain words:
  /// a continuation's layout is not known to the compiler.
  final class Waiter: Sendable {
    private let continuation: CheckedContinuation<Void, Never>

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }

    func resume() { continuation.resume() }
  }

  /// What an abandoned body still occupies.
  struct LeftBehind: Sendable {
    let pipeline: ResiliencePipeline
    /// The bulkheads whose permit it has, as in ``ResilienceCall/held``.
    let bulkheads: UInt64
  }

  private let timers: Timers
  private let state = Guarded(State())

  init(_ timers: Timers) { self.timers = timers }

  // MARK: - The caller

  /// What became of an attempt.
  enum Outcome {
    /// The body ended in time, and threw this; `nil`: it returned.
    case ended((any Error)?, isReusable: Bool)
    /// It did not.
    case late
  }

  /// Starts a body and waits until it ends, or until the deadline.
  ///
  /// When the caller is cancelled, so is the body, and it is waited for as before: it is to say itself
  /// what comes of it. One that has not begun never does.
  ///
  /// - Parameter start: starts the task of the body, in which ``run(_:)`` is called.
  func run(
    until deadline: UInt64, start: () async throws -> Void
  ) async rethrows -> Outcome {
    let timer = timers.arm(self, at: deadline)
    let turn = state.withLock { $0.turn }
    try await withTaskCancellationHandler {
      try await start()
      if isRunning { await whenOver() }
    } onCancel: {
      cancel(turn)
    }
    let isDisarmed = timers.disarm(timer)
    return state.withLock { state in
      // Its task has it in hand yet.
      if state.phase == .withdrawn { return .ended(CancellationError(), isReusable: false) }
      guard state.phase == .ended else { return .late }
      let failure = state.failure
      // Else the timer, or who cancels, has it in hand yet. The task of the body has done with it when it said
      // that it ended.
      guard isDisarmed, state.cancelling == 0, !state.endIsHeldUp else {
        return .ended(failure, isReusable: false)
      }
      state = State(turn: state.turn &+ 1)
      return .ended(failure, isReusable: true)
    }
  }

  private var isRunning: Bool { state.withLock { $0.phase == .running } }

  private func whenOver() async {
    await withCheckedContinuation { waiter in
      let isOver = state.withLock { state in
        if state.phase != .running { return true }
        state.waiter = Waiter(waiter)
        return false
      }
      if isOver { waiter.resume() }
    }
  }

  /// Leaves a body behind that was not in time.
  ///
  /// - Returns: false when it occupies nothing: it has ended meanwhile, or never began.
  func abandon(_ leftBehind: LeftBehind) -> Bool {
    state.withLock { state in
      guard state.phase == .timedOut, state.hasBegun else { return false }
      state.phase = .abandoned
      state.leftBehind = leftBehind
      return true
    }
  }

  // MARK: - The task of the body

  /// Runs the body, unless it is too late already. It is the last thing that the task does.
  func run<Result>(_ body: () async throws -> Result) async throws -> Result {
    guard begin() else { throw CancellationError() }
    do {
      let result = try await body()
      if end(nil) { await whenCancelled() }
      return result
    } catch {
      if end(error) { await whenCancelled() }
      throw error
    }
  }

  private func begin() -> Bool {
    // The handle stays good beyond this closure: the task does not end before `end` has taken it away
    // and whoever was using it has done.
    let task = unsafe withUnsafeCurrentTask { unsafe $0.map { unsafe BodyTask(handle: $0) } }
    return state.withLock { state in
      guard state.phase == .running else { return false }
      state.hasBegun = true
      state.task = task
      return true
    }
  }

  /// - Returns: whether somebody is cancelling the task just now, so that it has to wait.
  private func end(_ failure: (any Error)?) -> Bool {
    let (waiter, leftBehind, mustWait) = state.withLock { state in
      state.task = nil
      // One that timed out and was not left behind yet will not be.
      state.hasBegun = false
      if state.phase == .running {
        state.phase = .ended
        state.failure = failure
      }
      let waiter = state.waiter
      state.waiter = nil
      state.endIsHeldUp = state.cancelling > 0
      return (waiter, state.leftBehind, state.endIsHeldUp)
    }
    waiter?.resume()
    if let leftBehind {
      leftBehind.pipeline.abandonedBodyEnded(holding: leftBehind.bulkheads)
    }
    return mustWait
  }

  private func whenCancelled() async {
    await withCheckedContinuation { ending in
      let isDone = state.withLock { state in
        if state.cancelling == 0 { return true }
        state.ending = Waiter(ending)
        return false
      }
      if isDone { ending.resume() }
    }
  }

  // MARK: - Who cancels it

  /// Cancels the body, or keeps it from beginning; not that of a later turn.
  private func cancel(_ turn: UInt64) {
    let (task, waiter) = state.withLock { state -> (BodyTask?, Waiter?) in
      guard state.turn == turn, state.phase == .running else { return (nil, nil) }
      if state.hasBegun { return (state.cancel(), nil) }
      state.phase = .withdrawn
      let waiter = state.waiter
      state.waiter = nil
      return (nil, waiter)
    }
    finishCancelling(task)
    waiter?.resume()
  }

  override func timeIsUp() {
    let (task, waiter) = state.withLock { state -> (BodyTask?, Waiter?) in
      guard state.phase == .running else { return (nil, nil) }
      state.phase = .timedOut
      let waiter = state.waiter
      state.waiter = nil
      return (state.cancel(), waiter)
    }
    waiter?.resume()
    // What the body does when it is cancelled may take long, and neither its caller nor other timers wait for
    // that.
    if let task { timers.aside { self.finishCancelling(task) } }
  }

  /// With no lock held: what the body does when it is cancelled runs here.
  private func finishCancelling(_ task: BodyTask?) {
    guard let task else { return }
    unsafe task.handle.cancel()
    let ending = state.withLock { state -> Waiter? in
      state.cancelling -= 1
      guard state.cancelling == 0 else { return nil }
      let ending = state.ending
      state.ending = nil
      return ending
    }
    ending?.resume()
  }
}

extension Attempt.State {
  /// The task to be cancelled, which does not end before ``cancelling`` is counted down again.
  fileprivate mutating func cancel() -> Attempt.BodyTask? {
    if task != nil { cancelling += 1 }
    return task
  }
}

/// Attempts that have ended, for those to come: a call then has one allocation less.
final class AttemptPool: Sendable {
  private static let most = 64
  private let timers: Timers
  private let free = Guarded<[Attempt]>([])

  init(_ timers: Timers) { self.timers = timers }

  func take() -> Attempt {
    free.withLock { $0.popLast() } ?? Attempt(timers)
  }

  func giveBack(_ attempt: Attempt) {
    free.withLock { free in
      if free.count < AttemptPool.most { free.append(attempt) }
    }
  }
}
