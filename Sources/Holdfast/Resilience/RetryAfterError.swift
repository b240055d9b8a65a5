/// An error that says how long to wait before another attempt, such as the answer 429 or 503 of an
/// HTTP service with its field `Retry-After`.
///
/// A retry waits so long, or as long as it would have waited anyway if that is longer. Where the error
/// asks for more than ``ResilienceConfiguration/longestRetryAfter``, the call is not tried again.
///
/// ```swift
/// extension ServiceError: HTTPStatusError, RetryAfterError {
///   var httpStatus: Int { response.status }
///   var retryAfter: Duration? {
///     response.headers["Retry-After"].flatMap(RetryAfterField.delay(_:))
///   }
/// }
/// ```
///
/// It does not say that there should be another attempt: see ``Transient``.
public protocol RetryAfterError: Error {
  /// How long to wait from now; `nil`: it does not say.
  var retryAfter: Duration? { get }
}

extension CircuitOpenError: RetryAfterError {}
