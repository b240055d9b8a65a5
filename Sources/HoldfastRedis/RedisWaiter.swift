internal import CHoldfastRedis
internal import Holdfast
internal import Synchronization

/// Who waits for what becomes of a request: a task, or a part of the client.
///
/// It is told once, by whoever is first: the loop's thread with the answer, or the task's
/// cancellation. After a cancellation the request is not sent any more, or its reply is swallowed;
/// nobody else sees either.
final class RedisWaiter: Sendable {
  private enum Target {
    case none
    case task(CheckedContinuation<Void, Never>)
    case handler(@Sendable (RedisAnswer) -> Void)
  }

  /// What happened, in this order. The raw values are stored in `state`.
  private enum State {
    /// No continuation yet.
    static let new: UInt8 = 0
    static let waiting: UInt8 = 1
    /// Bytes of it may be on their way.
    static let sent: UInt8 = 2
    /// The same, for the second time or a later one.
    static let repeated: UInt8 = 3
    /// Told, or nobody wants to be told.
    static let settled: UInt8 = 4
    /// The same, and the answer lies here.
    static let answered: UInt8 = 5
  }

  private let state: Atomic<UInt8>
  // Written before `state` becomes `waiting` (releasing), by the one that begins; read by the one
  // that makes it `settled` (acquiring), of which there is one. So no two are ever at it at once.
  private nonisolated(unsafe) var target: Target
  // For a task: written by the one that made `state` `settled`, before it becomes `answered`
  // (releasing); read by the task when it goes on (acquiring). It does not go through the continuation,
  // which would copy it twice, by its metadata.
  private nonisolated(unsafe) var answer: RedisAnswer?
  private let isPipeline: Bool

  /// For a task, which is to wait by ``start(_:)``.
  init(isPipeline: Bool) {
    state = Atomic(State.new)
    unsafe target = .none
    self.isPipeline = isPipeline
  }

  /// For a part of the client, which is called on the loop's thread.
  init(handler: @escaping @Sendable (RedisAnswer) -> Void) {
    state = Atomic(State.waiting)
    unsafe target = .handler(handler)
    isPipeline = true
  }

  /// The task waits from now on. False: it was cancelled before, and has been told so.
  func start(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
    unsafe target = .task(continuation)
    // Releases `target` to whoever settles.
    let (isStarted, _) = state.compareExchange(
      expected: State.new, desired: State.waiting, ordering: .releasing)
    if !isStarted { continuation.resume() }
    return isStarted
  }

  /// What the task was told, when it goes on; to be called once.
  func takeAnswer() -> RedisAnswer {
    _ = state.load(ordering: .acquiring)
    return unsafe answer.take() ?? Self.cancelled
  }

  /// The task was cancelled.
  func cancel() {
    switch state.exchange(State.settled, ordering: .acquiringAndReleasing) {
    case State.waiting: tell(Self.cancelled)
    case State.sent, State.repeated:
      tell(RedisAnswer(unknown: .cancelled, "the task was cancelled while the answer was due"))
    default: break
    }
  }

  /// Asked on the loop's thread before its bytes go out; from then on they count as sent.
  func isWanted() -> Bool {
    var now = state.load(ordering: .relaxed)
    while now < State.settled {
      let next = now == State.waiting ? State.sent : State.repeated
      // Keeps what `start` released visible to whoever settles.
      let (isDone, seen) = state.weakCompareExchange(
        expected: now, desired: next, ordering: .acquiringAndReleasing)
      if isDone { return true }
      now = seen
    }
    return false
  }

  /// The answer, on the loop's thread. It is not even copied when nobody waits any more.
  func finish(_ result: UnsafePointer<hf_redis_result>) {
    let now = state.load(ordering: .relaxed)
    guard now < State.settled else { return }
    finish(
      unsafe RedisAnswer(result, isPipeline: isPipeline, wasRepeated: now == State.repeated))
  }

  /// Another end than the C part's.
  func finish(_ answer: RedisAnswer) {
    if state.exchange(State.settled, ordering: .acquiringAndReleasing) < State.settled {
      tell(answer)
    }
  }

  private func tell(_ answer: RedisAnswer) {
    let target = unsafe self.target
    unsafe self.target = .none
    switch target {
    case .none: break
    case .task(let continuation):
      unsafe self.answer = answer
      state.store(State.answered, ordering: .releasing)
      continuation.resume()
    case .handler(let handler): handler(answer)
    }
  }

  private static var cancelled: RedisAnswer {
    RedisAnswer(notDone: .cancelled, "the task was cancelled before it was sent")
  }
}
