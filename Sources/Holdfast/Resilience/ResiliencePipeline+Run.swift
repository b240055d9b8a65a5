import Synchronization

extension ResiliencePipeline {
  // MARK: - Calls

  /// Makes a call through the stages.
  ///
  /// ```swift
  /// let user = try await pipeline.run { try await database.user(id) }
  /// ```
  ///
  /// - Parameter body: the call; made as often as the retries say, one attempt after another.
  /// - Returns: what the body returns.
  /// - Throws: what the body throws when it is not to be retried, ``RetryExhaustedError``,
  ///   ``TimeoutError``, ``CircuitOpenError``, ``BulkheadFullError``, ``RateLimitedError``, or
  ///   `CancellationError`.
  /// - Complexity: O(stages); with a time limit three allocations besides the closure, and more where the
  ///   caller has task-local values, which the body's task gets.
  public func run<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await run(body, at: .here, until: nil)
  }

  /// Makes a call through the stages, or something else when that fails.
  ///
  /// ```swift
  /// let rates = try await pipeline.run {
  ///   try await bank.rates()
  /// } fallback: { error in
  ///   cachedRates
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - body: the call.
  ///   - fallback: called once with what the call throws at last, refusals of stages too, on the caller's
  ///     actor and outside of all stages; not when the caller was cancelled.
  /// - Throws: what the fallback throws; what the call throws, when the caller was cancelled.
  public func run<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result,
    fallback: (any Error) async throws -> Result
  ) async throws -> Result {
    do {
      return try await run(body, at: .here, until: nil)
    } catch {
      return try await answer(error, with: fallback)
    }
  }

  /// Makes a call that may block its thread, on a thread of its own.
  ///
  /// ```swift
  /// let rows = try await pipeline.runBlocking { try connection.query("SELECT …") }
  /// ```
  ///
  /// Within the body `Task.isCancelled` says whether it should end. One that has not begun at its
  /// deadline, because all threads are taken, never does.
  ///
  /// - Parameters:
  ///   - threads: whose threads; by default those that all share.
  ///   - body: the call.
  /// - Throws: as ``run(_:)``.
  public func runBlocking<Result: Sendable>(
    on threads: BlockingThreads = .shared, _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try await run({ try body() }, at: .thread(threads), until: nil)
  }

  /// Makes a call that may block its thread, or something else when that fails.
  ///
  /// - Parameters:
  ///   - threads: whose threads; by default those that all share.
  ///   - body: the call.
  ///   - fallback: called with what the call throws at last; not when the caller was cancelled.
  /// - Throws: what the fallback throws; what the call throws, when the caller was cancelled.
  public func runBlocking<Result: Sendable>(
    on threads: BlockingThreads = .shared, _ body: @escaping @Sendable () throws -> Result,
    fallback: (any Error) async throws -> Result
  ) async throws -> Result {
    do {
      return try await run({ try body() }, at: .thread(threads), until: nil)
    } catch {
      return try await answer(error, with: fallback)
    }
  }

  // MARK: - How

  /// - Parameter scope: the limit of a scope around the call.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result, at place: Attempt.Place,
    until scope: Scope.Limit?
  ) async throws -> Result {
    // Of the attempt that ended well: its task, or where it had none, what it returned.
    var task: Task<Result, any Error>?
    var result: Result?
    try await run(at: place, until: scope) { attempt in
      guard let attempt else {
        result = try await body()
        return
      }
      switch place {
      case .here: task = Task.immediate { try await attempt.run(body) }
      case .thread(let threads):
        task = Task(executorPreference: threads) { try await attempt.run(body) }
      }
    }
    if let task { return try await task.value }
    guard let result else { throw CancellationError() }
    return result
  }

  private func run(
    at place: Attempt.Place, until scope: Scope.Limit?, _ body: Body
  ) async throws {
    var call = ResilienceCall(place: place)
    if let scope { call.deadline = scope.deadline }
    do {
      try await step(0, &call, body)
    } catch let error as DeadlinePassed {
      // Only a scope's is left.
      throw timedOut(.call, after: scope?.length ?? .zero, error)
    }
  }

  /// Makes one attempt: runs it here if it is given `nil`, or starts a task that runs it.
  typealias Body = (Attempt?) async throws -> Void

  private func answer<Result>(
    _ error: any Error, with fallback: (any Error) async throws -> Result
  ) async throws -> Result {
    if Task.isCancelled { throw error }
    observer?.fellBack(from: error)
    return try await fallback(error)
  }

  func timedOut(
    _ kind: TimeoutError.Kind, after limit: Duration, _ passed: DeadlinePassed
  ) -> TimeoutError {
    counts.timeouts.add(1, ordering: .relaxed)
    observer?.timedOut(kind, after: limit)
    return TimeoutError(operation: name, kind: kind, limit: limit, lastError: passed.lastError)
  }
}
