internal import Holdfast

extension RedisClient {
  /// Runs the body with a connection that nobody else uses: one of
  /// ``RedisOptions/dedicatedConnections``. Where all are in use it waits its turn, for
  /// ``RedisOptions/timeout`` at most.
  ///
  /// ```swift
  /// let job = try await client.withConnection { connection in
  ///   try await connection.send(RedisCommand("BLMOVE", "jobs", "mine", "LEFT", "RIGHT", 30))
  /// }
  /// ```
  ///
  /// When the body has returned the connection is kept for the next, unless it remembers something
  /// or an answer is still due: then it is closed.
  public func withConnection<Result>(
    _ body: (RedisConnection) async throws -> Result
  ) async throws -> Result {
    let (link, connection, pool) = try await takeConnection()
    defer { pool.giveBack(link, isClean: connection.finish()) }
    return try await body(connection)
  }

  func onConnection<Result>(
    deadline: Duration?, _ body: (RedisConnection) async throws(StorageError) -> Result
  ) async throws(StorageError) -> Result {
    let (link, connection, pool) = try await takeConnection(deadline: deadline)
    defer { pool.giveBack(link, isClean: connection.finish()) }
    return try await body(connection)
  }

  private func takeConnection(deadline: Duration? = nil) async throws(StorageError) -> (
    RedisLink, RedisConnection, RedisPool
  ) {
    let session = try session()
    let link = try await session.pool.take(in: session, deadline: deadline)
    return (link, RedisConnection(link, options), session.pool)
  }
}
