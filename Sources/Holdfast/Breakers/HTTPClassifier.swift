/// What answers of an HTTP service say about its health, for a ``CircuitBreaker``.
///
/// ```swift
/// let http = HTTPClassifier()
/// let breaker = try CircuitBreaker("storage", classify: http.outcome(of:))
///
/// let response = try await breaker.run {
///   try await client.get(url)
/// } outcome: {
///   http.outcome(ofStatus: $0.status)
/// }
/// ```
///
/// Statuses below 400, and 404, succeed: the service answered. Other 4xx are neutral, being the
/// caller's mistake. 5xx and transport errors (whatever the client throws that carries no status)
/// fail.
public struct HTTPClassifier: Sendable {
  private let classify: @Sendable (Int) -> CircuitBreaker.Outcome

  /// The rules above.
  public init() {
    classify = HTTPClassifier.standard
  }

  /// Rules of your own.
  ///
  /// ```swift
  /// let http = HTTPClassifier { $0 == 429 ? .failure : HTTPClassifier.standard($0) }
  /// ```
  public init(_ classify: @escaping @Sendable (Int) -> CircuitBreaker.Outcome) {
    self.classify = classify
  }

  /// The rules above, as a function.
  ///
  /// - Complexity: O(1).
  public static func standard(_ status: Int) -> CircuitBreaker.Outcome {
    switch status {
    case 100..<400, 404: .success
    case 400..<500: .neutral
    default: .failure
    }
  }

  /// What an answer with this status says.
  ///
  /// - Complexity: O(1).
  public func outcome(ofStatus status: Int) -> CircuitBreaker.Outcome { classify(status) }

  /// What an error says: as its status if it has one, and else that the transport failed.
  ///
  /// - Complexity: O(1).
  public func outcome(of error: any Error) -> CircuitBreaker.Outcome {
    guard let error = error as? any HTTPStatusError else { return .failure }
    return classify(error.httpStatus)
  }
}

/// An error that says which status an HTTP service answered with, so that ``HTTPClassifier`` can
/// tell an answer from a broken transport.
public protocol HTTPStatusError: Error {
  /// Such as 503.
  var httpStatus: Int { get }
}
