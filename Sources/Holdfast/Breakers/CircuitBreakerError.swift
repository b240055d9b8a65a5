/// What `runTyped` throws: the circuit is open, or the body failed with an error of its type.
public enum CircuitBreakerError<Body: Error>: Error {
  /// The call was not permitted.
  case open(CircuitOpenError)
  /// The body was called, and threw this.
  case body(Body)
}

extension CircuitBreakerError: Equatable where Body: Equatable {}
extension CircuitBreakerError: Hashable where Body: Hashable {}

extension CircuitBreakerError: CustomStringConvertible {
  /// The description of the error within.
  public var description: String {
    switch self {
    case .open(let error): error.description
    case .body(let error): String(describing: error)
    }
  }
}
