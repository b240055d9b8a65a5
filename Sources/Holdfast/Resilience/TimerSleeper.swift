/// One task that sleeps until a timer is due.
///
/// @unchecked Sendable, as its superclass, which has no state, has to be: all that it adds is a lock with
/// what that guards.
package final class TimerSleeper: TimerTarget, @unchecked Sendable {
  private enum State {
    case idle
    case asleep(CheckedContinuation<Void, any Error>)
    case woken(isCancelled: Bool)
  }

  private let state = Guarded(State.idle)

  package override init() {}

  override func timeIsUp() { wake(isCancelled: false) }

  /// To be called once.
  func wait() async throws {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let isCancelled = state.withLock { state -> Bool? in
          if case .woken(let isCancelled) = state { return isCancelled }
          state = .asleep(continuation)
          return nil
        }
        if let isCancelled { TimerSleeper.resume(continuation, isCancelled) }
      }
    } onCancel: {
      wake(isCancelled: true)
    }
  }

  /// The first time counts.
  private func wake(isCancelled: Bool) {
    let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      switch state {
      case .idle:
        state = .woken(isCancelled: isCancelled)
        return nil
      case .asleep(let continuation):
        state = .woken(isCancelled: isCancelled)
        return continuation
      case .woken: return nil
      }
    }
    if let continuation { TimerSleeper.resume(continuation, isCancelled) }
  }

  private static func resume(
    _ continuation: CheckedContinuation<Void, any Error>, _ isCancelled: Bool
  ) {
    if isCancelled {
      continuation.resume(throwing: CancellationError())
    } else {
      continuation.resume()
    }
  }
}
