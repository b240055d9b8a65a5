/// One layer of a ``ResiliencePipeline``.
///
/// ```swift
/// let pipeline = try ResiliencePipeline("orders", stages: [
///   .rateLimit(limiter),
///   .bulkhead(bulkhead),
///   .circuitBreaker(breaker),
///   .retry(RetryPolicy(), budget: budget),
///   .timeout(.seconds(2)),
/// ])
/// ```
///
/// The first is the outermost: it is asked first, and sees what becomes of all within it. A breaker
/// outside of the retries, as above, counts calls; one inside of them counts attempts, and refuses
/// those that follow as soon as it opens.
public struct ResilienceStage: Sendable {
  enum Kind: Sendable {
    case rateLimit(RateLimiter)
    case bulkhead(Bulkhead)
    case circuitBreaker(CircuitBreaker)
    case retry(RetryPolicy, RetryBudget?, seed: UInt64)
    case limit(TimeoutError.Kind, Duration)
  }

  let kind: Kind

  /// Takes one permit of a rate limiter; waits for it if the limiter says so.
  public static func rateLimit(_ limiter: RateLimiter) -> Self {
    Self(kind: .rateLimit(limiter))
  }

  /// Takes a place in a bulkhead, and keeps it until the body has ended, also when nobody waits for the
  /// body any more.
  public static func bulkhead(_ bulkhead: Bulkhead) -> Self {
    Self(kind: .bulkhead(bulkhead))
  }

  /// Asks a circuit breaker, and tells it what became of the call. Refusals of stages within count as
  /// nothing; of exhausted retries the last error is what counts.
  public static func circuitBreaker(_ breaker: CircuitBreaker) -> Self {
    Self(kind: .circuitBreaker(breaker))
  }

  /// Tries what is within again while it fails with errors that may pass.
  ///
  /// - Parameters:
  ///   - policy: how often, when, and which errors.
  ///   - budget: what all that share it may retry together; `nil`: no limit.
  ///   - seed: of the jitter; the same delays follow from the same seed while one call is made at a
  ///     time. By default a random one.
  public static func retry(
    _ policy: RetryPolicy = RetryPolicy(), budget: RetryBudget? = nil,
    seed: UInt64 = .random(in: .min ... .max)
  ) -> Self {
    Self(kind: .retry(policy, budget, seed: seed))
  }

  /// Limits the time of what is within: of each attempt, if it is inside of the retries.
  ///
  /// - Parameter timeout: 1 ns to a year.
  public static func timeout(_ timeout: Duration) -> Self {
    Self(kind: .limit(.attempt, timeout))
  }

  /// Limits the time of what is within, and says that it is the time of the whole call: put it first,
  /// around all the others. A call that would have to be retried after it is not.
  ///
  /// - Parameter deadline: 1 ns to a year.
  public static func deadline(_ deadline: Duration) -> Self {
    Self(kind: .limit(.call, deadline))
  }
}
