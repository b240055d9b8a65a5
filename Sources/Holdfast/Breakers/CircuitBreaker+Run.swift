extension CircuitBreaker {
  // MARK: - Without await

  /// Makes a call if the circuit permits it, and counts what became of it.
  ///
  /// ```swift
  /// let user = try breaker.run { try database.user(id) }
  ///
  /// let response = try breaker.run {
  ///   try client.get(url)
  /// } outcome: {
  ///   http.outcome(ofStatus: $0.status)
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - body: the call.
  ///   - outcome: what a result says about the service; by default it succeeded.
  /// - Returns: what the body returns.
  /// - Throws: ``CircuitOpenError`` when the call is not permitted, or what the body throws.
  /// - Complexity: O(1) and no allocation beside the body's, unless it throws.
  @inlinable
  public func run<Result: ~Copyable>(
    _ body: () throws -> Result, outcome: (borrowing Result) -> Outcome = { _ in .success }
  ) throws -> Result {
    let ticket = try begin()
    do {
      let result = try body()
      finish(ticket, as: outcome(result))
      return result
    } catch {
      finish(ticket, throwing: error)
      throw error
    }
  }

  /// Makes a call, or something else when the circuit does not permit it.
  ///
  /// ```swift
  /// let rates = try breaker.run { try bank.rates() } fallback: { _ in cachedRates }
  /// ```
  ///
  /// What the body throws passes with its type; nothing is thrown for an open circuit. So a body that
  /// throws nothing needs no `try`.
  ///
  /// - Parameters:
  ///   - body: the call.
  ///   - outcome: what a result of the body says about the service; by default it succeeded.
  ///   - fallback: called instead of the body when the circuit is open, not when the body throws.
  ///     What becomes of it is not counted.
  /// - Throws: what the body throws.
  @inlinable
  public func run<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result,
    outcome: (borrowing Result) -> Outcome = { _ in .success },
    fallback: (CircuitOpenError) -> Result
  ) throws(Failure) -> Result {
    do {
      return try runTyped(body, outcome: outcome)
    } catch {
      switch error {
      case .open(let refusal): return fallback(refusal)
      case .body(let error): throw error
      }
    }
  }

  /// Makes a call, or something else, which may fail too, when the circuit does not permit it.
  ///
  /// - Parameters:
  ///   - body: the call.
  ///   - outcome: what a result of the body says about the service; by default it succeeded.
  ///   - fallback: called instead of the body when the circuit is open, not when the body throws.
  ///     What becomes of it is not counted.
  /// - Throws: what the body throws, or the fallback.
  @inlinable
  public func run<Result: ~Copyable>(
    _ body: () throws -> Result,
    outcome: (borrowing Result) -> Outcome = { _ in .success },
    fallback: (CircuitOpenError) throws -> Result
  ) throws -> Result {
    do {
      return try runTyped(body, outcome: outcome)
    } catch {
      switch error {
      case .open(let refusal): return try fallback(refusal)
      case .body(let error): throw error
      }
    }
  }

  /// Makes a call whose errors are of one type, and throws one type.
  ///
  /// ```swift
  /// do {
  ///   return try breaker.runTyped { () throws(DatabaseError) in try database.user(id) }
  /// } catch .open(let refusal) {
  ///   …
  /// } catch .body(let error) {
  ///   …  // a DatabaseError
  /// }
  /// ```
  ///
  /// A closure has to say what it throws, as above: the compiler does not infer it.
  ///
  /// - Parameters:
  ///   - body: the call.
  ///   - outcome: what a result says about the service; by default it succeeded.
  /// - Throws: ``CircuitBreakerError/open(_:)`` when the call is not permitted,
  ///   ``CircuitBreakerError/body(_:)`` with what the body throws.
  @inlinable
  public func runTyped<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result, outcome: (borrowing Result) -> Outcome = { _ in .success }
  ) throws(CircuitBreakerError<Failure>) -> Result {
    let ticket: Ticket
    do throws(CircuitOpenError) {
      ticket = try begin()
    } catch {
      throw .open(error)
    }
    do throws(Failure) {
      let result = try body()
      finish(ticket, as: outcome(result))
      return result
    } catch {
      finish(ticket, throwing: error)
      throw .body(error)
    }
  }

  // MARK: - With await

  /// Makes a call if the circuit permits it, and counts what became of it.
  ///
  /// ```swift
  /// let receipt = try await breaker.run { try await client.charge(order) }
  /// ```
  ///
  /// When its task is cancelled it is up to the body to end; whatever it throws then counts as
  /// nothing.
  ///
  /// - Parameters:
  ///   - body: the call, on the caller's actor.
  ///   - outcome: what a result says about the service; by default it succeeded.
  /// - Returns: what the body returns.
  /// - Throws: ``CircuitOpenError`` when the call is not permitted, or what the body throws.
  /// - Complexity: O(1) beside the body's.
  @inlinable
  public func run<Result: ~Copyable>(
    _ body: () async throws -> Result, outcome: (borrowing Result) -> Outcome = { _ in .success }
  ) async throws -> Result {
    let ticket = try begin()
    do {
      let result = try await body()
      finish(ticket, as: outcome(result))
      return result
    } catch {
      finish(ticket, throwing: error)
      throw error
    }
  }

  /// Makes a call, or something else when the circuit does not permit it.
  ///
  /// ```swift
  /// let rates = try await breaker.run {
  ///   try await bank.rates()
  /// } fallback: { _ in
  ///   await cache.rates()
  /// }
  /// ```
  ///
  /// What the body throws passes with its type; nothing is thrown for an open circuit. So a body that
  /// throws nothing needs no `try`.
  ///
  /// - Parameters:
  ///   - body: the call, on the caller's actor.
  ///   - outcome: what a result of the body says about the service; by default it succeeded.
  ///   - fallback: called instead of the body when the circuit is open, not when the body throws.
  ///     What becomes of it is not counted.
  /// - Throws: what the body throws.
  @inlinable
  public func run<Result: ~Copyable, Failure: Error>(
    _ body: () async throws(Failure) -> Result,
    outcome: (borrowing Result) -> Outcome = { _ in .success },
    fallback: (CircuitOpenError) async -> Result
  ) async throws(Failure) -> Result {
    do {
      return try await runTyped(body, outcome: outcome)
    } catch {
      switch error {
      case .open(let refusal): return await fallback(refusal)
      case .body(let error): throw error
      }
    }
  }

  /// Makes a call, or something else, which may fail too, when the circuit does not permit it.
  ///
  /// - Parameters:
  ///   - body: the call, on the caller's actor.
  ///   - outcome: what a result of the body says about the service; by default it succeeded.
  ///   - fallback: called instead of the body when the circuit is open, not when the body throws.
  ///     What becomes of it is not counted.
  /// - Throws: what the body throws, or the fallback.
  @inlinable
  public func run<Result: ~Copyable>(
    _ body: () async throws -> Result,
    outcome: (borrowing Result) -> Outcome = { _ in .success },
    fallback: (CircuitOpenError) async throws -> Result
  ) async throws -> Result {
    do {
      return try await runTyped(body, outcome: outcome)
    } catch {
      switch error {
      case .open(let refusal): return try await fallback(refusal)
      case .body(let error): throw error
      }
    }
  }

  /// Makes a call whose errors are of one type, and throws one type.
  ///
  /// ```swift
  /// do {
  ///   return try await breaker.runTyped { () async throws(DatabaseError) in
  ///     try await database.user(id)
  ///   }
  /// } catch .open(let refusal) {
  ///   …
  /// } catch .body(let error) {
  ///   …  // a DatabaseError
  /// }
  /// ```
  ///
  /// A closure has to say what it throws, as above: the compiler does not infer it.
  ///
  /// - Parameters:
  ///   - body: the call, on the caller's actor.
  ///   - outcome: what a result says about the service; by default it succeeded.
  /// - Throws: ``CircuitBreakerError/open(_:)`` when the call is not permitted,
  ///   ``CircuitBreakerError/body(_:)`` with what the body throws.
  @inlinable
  public func runTyped<Result: ~Copyable, Failure: Error>(
    _ body: () async throws(Failure) -> Result,
    outcome: (borrowing Result) -> Outcome = { _ in .success }
  ) async throws(CircuitBreakerError<Failure>) -> Result {
    let ticket: Ticket
    do throws(CircuitOpenError) {
      ticket = try begin()
    } catch {
      throw .open(error)
    }
    do throws(Failure) {
      let result = try await body()
      finish(ticket, as: outcome(result))
      return result
    } catch {
      finish(ticket, throwing: error)
      throw .body(error)
    }
  }
}
