extension CircuitBreaker {
  /// The leave to make one call.
  ///
  /// ```swift
  /// let permit = try breaker.acquire()
  /// if try await socket.ping() { permit.succeed() } else { permit.fail() }
  /// ```
  ///
  /// Settling consumes it, so the compiler sees to it that nobody settles twice. One that is dropped
  /// without being settled, because something threw for example, is abandoned.
  public struct Permit: ~Copyable, Sendable {
    private let breaker: CircuitBreaker
    private let ticket: Ticket
    private var settled = false

    init(_ ticket: Ticket, of breaker: CircuitBreaker) {
      self.breaker = breaker
      self.ticket = ticket
    }

    deinit {
      if !settled { breaker.finish(ticket, as: .neutral) }
    }

    /// The call succeeded.
    ///
    /// - Returns: whether it counted. It does not when the breaker has changed its state since.
    @discardableResult
    public consuming func succeed() -> Bool { settle(as: .success) }

    /// The call failed.
    ///
    /// - Returns: whether it counted.
    @discardableResult
    public consuming func fail() -> Bool { settle(as: .failure) }

    /// The call succeeded, but took too long.
    ///
    /// - Returns: whether it counted.
    @discardableResult
    public consuming func slow() -> Bool { settle(as: .slow) }

    /// The call counts as nothing; a probe gives its place back.
    ///
    /// - Returns: whether it counted.
    @discardableResult
    public consuming func abandon() -> Bool { settle(as: .neutral) }

    /// The call came to this.
    ///
    /// - Returns: whether it counted.
    @discardableResult
    public consuming func settle(as outcome: Outcome) -> Bool {
      // A type with a reference in it cannot discard itself, so that `deinit` has to be told.
      settled = true
      return breaker.finish(ticket, as: outcome)
    }
  }
}
