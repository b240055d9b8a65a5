/// A circuit breaker did not permit a call: the service that it guards is failing.
///
/// What was to be called was not called.
public struct CircuitOpenError: Error, Sendable, Hashable {
  /// The name of the breaker.
  public let breaker: String

  /// How long to wait, at most, before a call may be permitted; `nil` when that is decided by hand.
  ///
  /// While a probe is under way it is the rest of its lease, and the probe may end sooner.
  public let retryAfter: Duration?

  /// An error as a breaker throws it, for the tests of code that handles it.
  public init(breaker: String, retryAfter: Duration?) {
    self.breaker = breaker
    self.retryAfter = retryAfter
  }

  /// Always ``HoldfastError/Code/circuitOpen``.
  public var code: HoldfastError.Code { .circuitOpen }
}

extension CircuitOpenError: CustomStringConvertible {
  /// The code, the name and the time left.
  public var description: String {
    let wait = retryAfter.map { "; it may be called again in \($0)" } ?? ""
    return "\(code): the circuit breaker '\(breaker.onOneLine)' is open\(wait)"
  }
}
