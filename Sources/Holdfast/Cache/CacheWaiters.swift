/// Those who wait for a value that somebody else loads.
///
/// A waiter is noted under the hash of its key, with the number of the load that it waits for. Who
/// ends a load tells those of its number; and those of the same hash and an older number to ask
/// again, because their load was given up or cancelled. (Waiters of another key with this hash are told
/// so too. That does no harm.)
final class CacheWaiters<Value: Sendable>: Sendable {
  typealias Outcome = CacheWaiter<Value>.Outcome

  private let waiting = Guarded<[Int: [CacheWaiter<Value>]]>([:])

  func add(_ waiter: CacheWaiter<Value>, for hash: Int) {
    waiting.withLock { $0[hash, default: []].append(waiter) }
  }

  func remove(_ waiter: CacheWaiter<Value>, for hash: Int) {
    waiting.withLock { waiting in
      waiting[hash]?.removeAll { $0 === waiter }
      if waiting[hash]?.isEmpty ?? false { waiting[hash] = nil }
    }
  }

  /// Tells those who wait for a load what became of it, with no lock held.
  func tell(_ outcome: Outcome, load number: UInt64, for hash: Int) {
    let told = waiting.withLock { waiting -> [CacheWaiter<Value>] in
      guard let all = waiting[hash] else { return [] }
      let later = all.filter { $0.number > number }
      waiting[hash] = later.isEmpty ? nil : later
      return all.filter { $0.number <= number }
    }
    for waiter in told { waiter.tell(waiter.number == number ? outcome : .askAgain) }
  }

  /// How many there are.
  var count: Int { waiting.withLock { $0.values.reduce(0) { $0 + $1.count } } }
}

/// One who waits.
final class CacheWaiter<Value: Sendable>: Sendable {
  enum Outcome: Sendable {
    /// The value; `nil`: there is none.
    case loaded(Value?)
    /// What the loader threw.
    case failed(any Error)
    /// The loader was cancelled, or what it loaded is out of date.
    case askAgain
    /// The waiter's own task was cancelled.
    case cancelled
  }

  private enum State {
    case idle
    case waiting(CheckedContinuation<Outcome, Never>)
    case told(Outcome)
  }

  /// Of the load.
  let number: UInt64
  private let state = Guarded(State.idle)

  init(number: UInt64) { self.number = number }

  /// The first that is told counts.
  func tell(_ outcome: Outcome) {
    let continuation = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
      switch state {
      case .idle:
        state = .told(outcome)
        return nil
      case .waiting(let continuation):
        state = .told(outcome)
        return continuation
      case .told: return nil
      }
    }
    continuation?.resume(returning: outcome)
  }

  /// What it is told; at once when the task is cancelled. To be called once.
  func outcome() async -> Outcome {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let outcome = state.withLock { state -> Outcome? in
          if case .told(let outcome) = state { return outcome }
          state = .waiting(continuation)
          return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
      }
    } onCancel: {
      tell(.cancelled)
    }
  }
}
