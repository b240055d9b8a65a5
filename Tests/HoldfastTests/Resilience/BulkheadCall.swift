@testable import Holdfast

/// A call that asks a bulkhead for a permit, and is run step by step.
final class BulkheadCall: Sendable {
  enum Outcome: Sendable, Equatable {
    case admitted
    case full
    case deadlinePassed
    case cancelled
  }

  private final class Told: Sendable {
    let outcome = Guarded<Outcome?>(nil)
  }

  private let executor = SteppedExecutor()
  private let told = Told()
  private let task: Task<Void, Never>

  init(_ bulkhead: Bulkhead, until deadline: UInt64 = .max) {
    task = Task(executorPreference: executor) { [told] in
      let outcome: Outcome
      do {
        try await bulkhead.enter(until: deadline)
        outcome = .admitted
      } catch is BulkheadFullError {
        outcome = .full
      } catch is DeadlinePassed {
        outcome = .deadlinePassed
      } catch {
        outcome = .cancelled
      }
      told.outcome.withLock { $0 = outcome }
    }
  }

  /// What it was told; `nil` as long as it does not go on.
  var outcome: Outcome? { told.outcome.withLock { $0 } }

  /// Whether it would go on.
  var isReady: Bool { executor.isReady }

  /// Goes on to where it waits, or to its end.
  @discardableResult func step() -> Bool { executor.step() }

  func cancel() { task.cancel() }
}

extension Bulkhead {
  /// Those who wait, in order.
  var waiters: [BulkheadWaiter] {
    var queue = state.withLock { $0.waiting }
    var waiters: [BulkheadWaiter] = []
    while let waiter = queue.popFirst() { waiters.append(waiter) }
    return waiters
  }
}
