public import Holdfast

extension RedisClient {
  /// Does what the body appends at once: nobody sees a part of it. Returns the replies, in order.
  ///
  /// Goes over the shared connection. A command that the server queues, and that then fails, has
  /// its fault among the replies; the others are done all the same, as Redis has it.
  ///
  /// - Throws: `StorageError` when the server would not queue one of them: then none was done. Where
  ///   it is MULTI that it refuses, as to a user who may not use it, the outcome is unknown.
  public func withTransaction(
    deadline: Duration? = nil, _ build: (inout RedisPipeline) -> Void
  ) async throws(StorageError) -> [RedisReply] {
    var pipeline = RedisPipeline()
    build(&pipeline)
    return try await transaction(pipeline, deadline: deadline)
  }

  func transaction(_ pipeline: RedisPipeline, deadline: Duration? = nil) async throws(StorageError)
    -> [RedisReply]
  {
    guard pipeline.count > 0 else { return [] }
    try pipeline.check()
    let answer = try await session().shared.answer(
      to: pipeline.asTransaction,
      options.terms(repeatable: pipeline.isRepeatable, deadline: deadline))
    let replies = try answer.result.get().elements ?? []
    guard
      let results = try RedisTransactionReplies.read(replies, wasRepeated: answer.wasRepeated)
    else {
      throw StorageError(.protocolViolation, "EXEC did nothing, and no key was watched")
    }
    return results
  }

  /// Does what the body queues at once, if no watched key was changed since the body began.
  ///
  /// ```swift
  /// let result = try await client.withTransaction(watching: ["stock"]) { transaction in
  ///   let stock = Int(try await transaction.send(.get("stock")).text ?? "") ?? 0
  ///   if stock > 0 { transaction.queue("DECR", "stock") }
  ///   return stock
  /// }
  /// ```
  ///
  /// It has a connection of its own: see ``withConnection(_:)``. If that is lost on the way the
  /// watch is lost with it, so nothing is done: ``RedisTransactionResult/aborted``, or the error of
  /// what the body was just asking for. If it is lost after EXEC was sent, the error's outcome is
  /// unknown.
  ///
  /// - Throws: what the body throws; then nothing of what was queued is done.
  public func withTransaction<Value: Sendable>(
    watching keys: [String], _ body: (RedisTransaction) async throws -> Value
  ) async throws -> RedisTransactionResult<Value> {
    try await withConnection { connection in
      if !keys.isEmpty { try await connection.watch(keys) }
      let transaction = RedisTransaction(connection)
      let value = try await body(transaction)
      let pipeline = transaction.pipeline
      guard pipeline.count > 0 else {
        if !keys.isEmpty { try await connection.unwatch() }
        return .committed(value, replies: [])
      }
      try pipeline.check()
      guard let replies = try await connection.transaction(pipeline) else { return .aborted }
      return .committed(value, replies: replies)
    }
  }
}
