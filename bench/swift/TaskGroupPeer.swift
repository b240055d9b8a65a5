import Synchronization

/// What one writes around a call without a library: a time limit by a group of two tasks, an actor for a
/// breaker, a loop with delays. The values are those of the preset `api`.
final class TaskGroupPeer: Sendable {
  struct TimedOut: Error {}
  struct CircuitOpen: Error {}

  actor Breaker {
    private enum State {
      case closed
      case open(until: ContinuousClock.Instant)
      case halfOpen(isProbing: Bool)
    }

    private var state = State.closed
    private var failuresInARow = 0
    private(set) var successes = 0
    private(set) var failures = 0
    private let failureThreshold = 5
    private let recoveryTimeout = Duration.seconds(60)

    func begin() throws {
      switch state {
      case .closed: return
      case .open(let end):
        guard ContinuousClock.now >= end else { throw CircuitOpen() }
        state = .halfOpen(isProbing: true)
      case .halfOpen(let isProbing):
        if isProbing { throw CircuitOpen() }
        state = .halfOpen(isProbing: true)
      }
    }

    func succeeded() {
      successes += 1
      failuresInARow = 0
      if case .halfOpen = state { state = .closed }
    }

    func failed() {
      failures += 1
      failuresInARow += 1
      let isProbe = if case .halfOpen = state { true } else { false }
      if isProbe || failuresInARow >= failureThreshold {
        state = .open(until: .now + recoveryTimeout)
      }
    }

    func cancelled() {
      if case .halfOpen = state { state = .halfOpen(isProbing: false) }
    }
  }

  private let breaker = Breaker()
  private let timeout = Duration.seconds(60)
  private let maxAttempts = 5
  private let baseDelay = 1.0
  private let maxDelay = 30.0

  var successes: Int { get async { await breaker.successes } }

  func run<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await breaker.begin()
    do {
      let value = try await retrying(body)
      await breaker.succeeded()
      return value
    } catch is CancellationError {
      await breaker.cancelled()
      throw CancellationError()
    } catch {
      await breaker.failed()
      throw error
    }
  }

  private func retrying<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    var attempt = 1
    var delay = baseDelay
    while true {
      do {
        return try await limited(body)
      } catch {
        if error is CancellationError || attempt == maxAttempts { throw error }
      }
      try await Task.sleep(for: .seconds(.random(in: 0...delay)))
      delay = min(maxDelay, delay * 2)
      attempt += 1
    }
  }

  private func limited<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask { try await body() }
      group.addTask { [timeout] in
        try await Task.sleep(for: timeout)
        throw TimedOut()
      }
      defer { group.cancelAll() }
      guard let value = try await group.next() else { throw CancellationError() }
      return value
    }
  }
}
