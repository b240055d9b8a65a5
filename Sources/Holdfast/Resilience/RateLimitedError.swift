/// A rate limiter did not permit a call: it came too early.
///
/// What was to be called was not called.
public struct RateLimitedError: Error, Sendable, Hashable {
  /// The name of the limiter.
  public let limiter: String

  /// How long to wait until there would be as many permits, if nobody else takes any; `nil` when there
  /// are never as many.
  public let retryAfter: Duration?

  /// An error as a limiter throws it, for the tests of code that handles it.
  public init(limiter: String, retryAfter: Duration?) {
    self.limiter = limiter
    self.retryAfter = retryAfter
  }

  /// Always ``HoldfastError/Code/rateLimited``.
  public var code: HoldfastError.Code { .rateLimited }
}

extension RateLimitedError: RetryAfterError {}

extension RateLimitedError: CustomStringConvertible {
  /// The code, the name and the time left.
  public var description: String {
    let wait =
      retryAfter.map { "; it may be called again in \($0)" } ?? "; it never permits so many at once"
    return "\(code): the rate limiter '\(limiter.onOneLine)' permits no more for now\(wait)"
  }
}
