@testable import Holdfast

/// Time that stands still until a test moves it. Who is due is told by then, on the test's thread.
final class SteppedTime: Sendable {
  private final class Bell: TimerAlarm {
    private let connected = Guarded<(@Sendable () -> Void)?>(nil)
    let keepsAside: Bool
    let kept = Guarded<[@Sendable () -> Void]>([])

    init(keepsAside: Bool) { self.keepsAside = keepsAside }

    func connect(_ ring: @escaping @Sendable () -> Void) { connected.withLock { $0 = ring } }
    func set(to deadline: UInt64, turn: UInt64) {}
    func aside(_ action: @escaping @Sendable () -> Void) {
      if keepsAside { kept.withLock { $0.append(action) } } else { action() }
    }
    func stop() { connected.withLock { $0 = nil } }
    func ring() { connected.withLock { $0 }?() }
  }

  let clock = ManualClock()
  let timers: Timers
  private let bell: Bell

  /// - Parameter keepsAside: whether what is done aside waits for ``runAside()``.
  init(keepsAside: Bool = false) {
    bell = Bell(keepsAside: keepsAside)
    timers = Timers(TimeSource(clock, since: clock.now), bell)
  }

  /// - Returns: how many actions there were.
  func runAside() -> Int {
    let kept = bell.kept.withLock { kept in
      defer { kept = [] }
      return kept
    }
    for action in kept { action() }
    return kept.count
  }

  func advance(by time: Duration) {
    clock.advance(by: time)
    bell.ring()
  }
}

/// A call that goes on only when a test lets it: from where it waits to where it waits next. What
/// runs in a task of its own, such as a body that has waited, goes on by itself.
final class SteppedCall<Value: Sendable>: Sendable {
  private final class Told: Sendable {
    let result = Guarded<Result<Value, any Error>?>(nil)
  }

  private let executor = SteppedExecutor()
  private let told = Told()
  private let task: Task<Void, Never>

  /// Begins with the first step.
  init(_ call: @escaping @Sendable () async throws -> Value) {
    task = Task(executorPreference: executor) { [told] in
      let result: Result<Value, any Error>
      do {
        result = .success(try await call())
      } catch {
        result = .failure(error)
      }
      told.result.withLock { $0 = result }
    }
  }

  /// `nil` as long as it is under way.
  var result: Result<Value, any Error>? { told.result.withLock { $0 } }

  var value: Value? { try? result?.get() }

  var error: (any Error)? {
    if case .failure(let error) = result { error } else { nil }
  }

  /// Whether it would go on.
  var isReady: Bool { executor.isReady }

  /// Returns as soon as it would go on, where other threads bring that about.
  func whenReady() async { await executor.whenReady() }

  /// Goes on to where it waits, or gives way, or to its end. False: it waits still.
  @discardableResult func step() -> Bool { executor.step() }

  /// Goes on until it waits, or to its end.
  @discardableResult func goOn() -> Self {
    while executor.step() {}
    return self
  }

  /// Goes on to its end, which nothing but other threads may hold up.
  @discardableResult func end() async -> Self {
    goOn()
    while result == nil {
      await executor.whenReady()
      goOn()
    }
    return self
  }

  func cancel() { task.cancel() }
}

/// Where bodies wait until a test lets them go on.
final class Latch: Sendable {
  private struct State {
    var isOpen = false
    var arrived = 0
    var number = 0
    var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
  }

  private let state = Guarded(State())

  /// How many have come here.
  var arrived: Int { state.withLock { $0.arrived } }

  /// Waits whether or not the task is cancelled: what a body should not do.
  func waitStubbornly() async {
    try? await withCheckedThrowingContinuation { enter($0) }
  }

  /// Waits until the task is cancelled, and throws a `CancellationError` then.
  func wait() async throws {
    let number = state.withLock { state in
      state.number += 1
      return state.number
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { enter($0, as: number) }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(
        throwing: CancellationError())
    }
  }

  /// From now on nobody waits here.
  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [:] }
      return state.waiting
    }
    for continuation in waiting.values { continuation.resume() }
  }

  private func enter(_ continuation: CheckedContinuation<Void, any Error>, as number: Int? = nil) {
    enum Answer { case wait, goOn, cancel }
    let answer = state.withLock { state -> Answer in
      state.arrived += 1
      // Who is cancelled after this look finds it here, as soon as the lock is free.
      if number != nil, Task.isCancelled { return .cancel }
      if state.isOpen { return .goOn }
      state.number += 1
      state.waiting[number ?? state.number] = continuation
      return .wait
    }
    switch answer {
    case .wait: break
    case .goOn: continuation.resume()
    case .cancel: continuation.resume(throwing: CancellationError())
    }
  }
}

/// What may pass, by number.
struct PassingError: TransientError, Hashable {
  let number: Int
  var isTransient: Bool { true }

  init(_ number: Int = 0) { self.number = number }
}

/// What will not pass.
struct LastingError: Error, Hashable {}

/// What bodies count, and answer by that.
final class Script: Sendable {
  private let made = Guarded(0)

  /// How often a body was run.
  var count: Int { made.withLock { $0 } }

  /// Counts one, the first is 1.
  @discardableResult func next() -> Int {
    made.withLock {
      $0 += 1
      return $0
    }
  }
}

/// What bodies and others leave behind for a test to look at.
final class Noted<Value: Sendable>: Sendable {
  private let guarded: Guarded<Value>

  init(_ value: Value) { guarded = Guarded(value) }

  var value: Value { guarded.withLock { $0 } }

  func change(_ change: @Sendable (inout Value) -> Void) { guarded.withLock { change(&$0) } }
}

/// Until something is so that other threads bring about.
func eventually(_ isSo: () -> Bool) async {
  while !isSo() { await Task.yield() }
}

extension ResiliencePipeline {
  /// Of stages that keep this time too.
  convenience init(_ stages: [ResilienceStage], _ time: SteppedTime) throws(HoldfastError) {
    try self.init("orders", stages: stages, timers: time.timers, observer: nil)
  }
}

extension Bulkhead {
  /// A place that must be free.
  func taken() throws -> Permit {
    guard let permit = tryAcquire() else { throw LastingError() }
    return permit
  }
}

extension RetryPolicy {
  /// Delays of 1 s, 2 s, 4 s, …
  static func plain(attempts: Int = 3) -> RetryPolicy {
    var policy = RetryPolicy()
    policy.maxAttempts = attempts
    policy.baseDelay = .seconds(1)
    policy.maxDelay = .seconds(60)
    policy.jitter = .none
    return policy
  }
}
