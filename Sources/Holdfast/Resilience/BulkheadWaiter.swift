/// One who waits for a permit of a bulkhead.
///
/// @unchecked Sendable, as its superclass, which has no state, has to be: all that it adds is constants of
/// types that are `Sendable`, and a lock with what that guards.
final class BulkheadWaiter: TimerTarget, @unchecked Sendable {
  typealias Admission = Result<Void, any Error>

  private enum State {
    case idle
    case waiting(CheckedContinuation<Void, any Error>)
    case told(Admission)
  }

  /// Its place in the queue.
  let number: Int
  /// When it gives up, in nanoseconds of the timers; `.max`: never.
  let end: UInt64
  /// Whether that is the deadline of the call, and not the longest wait.
  let isDeadline: Bool
  private let bulkhead: Bulkhead
  private let state = Guarded(State.idle)

  init(number: Int, of bulkhead: Bulkhead, end: UInt64, isDeadline: Bool) {
    self.number = number
    self.bulkhead = bulkhead
    self.end = end
    self.isDeadline = isDeadline
  }

  override func timeIsUp() { bulkhead.timeIsUp(for: self) }

  /// To be called once, by whoever took it out of the queue.
  func tell(_ admission: Admission) {
    let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      defer { state = .told(admission) }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    continuation?.resume(with: admission)
  }

  /// Returns once it has a permit; throws what it is told instead. To be called once.
  func admission() async throws {
    try await withCheckedThrowingContinuation { continuation in
      let admission = state.withLock { state -> Admission? in
        // Told before it came to wait.
        if case .told(let admission) = state { return admission }
        state = .waiting(continuation)
        return nil
      }
      if let admission { continuation.resume(with: admission) }
    }
  }
}
