extension ResiliencePipeline {
  /// Several calls that share one pipeline, and one deadline.
  ///
  /// ```swift
  /// let (price, stock) = try await shop.scope(deadline: .seconds(3)) { shop in
  ///   let price = try await shop.run { try await prices.price(of: item) }
  ///   let stock = try await shop.run { try await stocks.stock(of: item) }
  ///   return (price, stock)
  /// }
  /// ```
  ///
  /// At the deadline the call that is under way ends with a ``TimeoutError`` of kind
  /// ``TimeoutError/Kind/call``, and so does any that begins later. What the scope does between its calls
  /// is not limited.
  ///
  /// - Parameters:
  ///   - deadline: of all calls together: 1 ns to a year; `nil`: only each call has its limits.
  ///   - body: makes the calls through the scope that it is given, also at the same time.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when the deadline is out of range, or what the
  ///   body throws.
  public func scope<Result>(
    deadline: Duration? = nil, _ body: (Scope) async throws -> Result
  ) async throws -> Result {
    guard let deadline else { return try await body(Scope(pipeline: self, limit: nil)) }
    guard deadline > .zero, deadline <= .seconds(366 * 86_400),
      let nanoseconds = deadline.wholeNanoseconds
    else {
      throw HoldfastError(
        invalidArgument: "deadline is \(deadline); it may be more than 0 and at most a year")
    }
    let (end, overflow) = timers.now.addingReportingOverflow(nanoseconds)
    return try await body(
      Scope(pipeline: self, limit: overflow ? nil : .init(deadline: end, length: deadline)))
  }

  /// Where several calls share a deadline; see ``ResiliencePipeline/scope(deadline:_:)``.
  public struct Scope: Sendable {
    struct Limit: Sendable {
      let deadline: UInt64
      let length: Duration
    }

    let pipeline: ResiliencePipeline
    let limit: Limit?

    /// Makes a call; as ``ResiliencePipeline/run(_:)``.
    public func run<Result: Sendable>(
      _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
      try await pipeline.run(body, at: .here, until: limit)
    }

    /// Makes a call that may block its thread; as ``ResiliencePipeline/runBlocking(on:_:)``.
    public func runBlocking<Result: Sendable>(
      on threads: BlockingThreads = .shared, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
      try await pipeline.run({ try body() }, at: .thread(threads), until: limit)
    }
  }
}
