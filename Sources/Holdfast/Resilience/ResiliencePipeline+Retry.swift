import CHoldfast
import Synchronization

/// How a pipeline retries.
@safe final class Retry: Sendable {
  let policy: RetryPolicy
  let budget: RetryBudget?
  private let backoff: hf_backoff
  /// Sendable: it is added to atomically, and freed by `deinit` only.
  private nonisolated(unsafe) let random: UnsafeMutablePointer<UInt64>

  init(_ policy: RetryPolicy, budget: RetryBudget?, seed: UInt64) throws(HoldfastError) {
    backoff = try policy.backoff()
    self.policy = policy
    self.budget = budget
    unsafe random = .allocate(capacity: 1)
    unsafe random.initialize(to: seed)
  }

  deinit {
    unsafe random.deallocate()
  }

  /// The delay before a retry, 1 for the first one, after one of so many nanoseconds.
  func delay(before retry: Int, after previous: UInt64) -> UInt64 {
    var backoff = backoff
    return unsafe hf_backoff_delay_ns(
      &backoff, UInt32(clamping: retry), previous, hf_random_next(random))
  }
}

extension ResiliencePipeline {
  /// What went before, in one call.
  private struct History {
    var attempts: [RetryExhaustedError.Attempt] = []
    var firstBegan: UInt64 = 0
    /// Before the attempt that is under way.
    var delay: UInt64 = 0
    /// As the core computed it, without what a server asked for.
    var backoff: UInt64 = 0
  }

  func retrying(
    _ retry: Retry, _ index: Int, _ call: inout ResilienceCall, _ body: Body
  ) async throws {
    var history = History()
    while true {
      do {
        try await step(index + 1, &call, body)
        retry.budget?.succeeded()
        return
      } catch {
        try await wait(retry, after: error, &history, &call)
      }
    }
  }

  /// Waits until the next attempt, or throws if there will be none.
  private func wait(
    _ retry: Retry, after error: any Error, _ history: inout History, _ call: inout ResilienceCall
  ) async throws {
    if var passed = error as? DeadlinePassed {
      passed.lastError = passed.lastError ?? history.attempts.last?.error
      throw passed
    }
    guard !(error is CancellationError), !Task.isCancelled, retry.policy.retries(error) else {
      throw error
    }
    let now = timers.now
    // The first one may have been refused before it began.
    let began = min(call.attemptBegan, now)
    if history.attempts.isEmpty { history.firstBegan = began }
    history.attempts.append(
      .init(
        error: error, began: .init(nanoseconds: began &- history.firstBegan),
        duration: .init(nanoseconds: now &- began),
        delay: .init(nanoseconds: history.delay)))
    let number = history.attempts.count
    guard number < retry.policy.maxAttempts else {
      throw number == 1 ? error : exhausted(.attempts, history)
    }

    history.backoff = retry.delay(before: number, after: history.backoff)
    history.delay = history.backoff
    if let asked = retry.policy.retryAfter(error), asked > .zero {
      guard asked <= retry.policy.longestRetryAfter, let asked = asked.wholeNanoseconds else {
        throw exhausted(.retryAfter, history)
      }
      history.delay = max(history.delay, asked)
    }
    let next = now.addingReportingOverflow(history.delay)
    guard !next.overflow, next.partialValue < call.deadline else {
      throw exhausted(.deadline, history)
    }
    guard retry.budget?.take() ?? true else { throw exhausted(.budget, history) }

    observer?.willRetry(attempt: number + 1, after: history.delay, because: error)
    try await timers.sleep(until: next.partialValue)
    do {
      try await enterAgain(&call)
    } catch is BulkheadFullError {
      throw exhausted(.bulkhead, history)
    } catch var passed as DeadlinePassed {
      passed.lastError = error
      throw passed
    }
    call.attemptBegan = timers.now
    counts.retries.add(1, ordering: .relaxed)
  }

  private func exhausted(
    _ reason: RetryExhaustedError.Reason, _ history: History
  ) -> RetryExhaustedError {
    counts.exhausted.add(1, ordering: .relaxed)
    let error = RetryExhaustedError(operation: name, reason: reason, attempts: history.attempts)
    if let last = error.lastError {
      observer?.exhausted(reason, attempts: history.attempts.count, error: last)
    }
    return error
  }
}
