public import Holdfast

/// A client of one Redis server (2.6 or newer; RESP2).
///
/// ```swift
/// let client = RedisClient(try RedisOptions(url: "redis://localhost:6379"))
/// try await client.connect()
/// try await client.send(RedisCommand("LPUSH", "jobs", .bytes(job)))
/// let replies = try await client.withPipeline { pipeline in
///   for key in keys { pipeline.append(.get(key)) }
/// }
/// await client.close()
/// ```
///
/// All tasks share one connection: their commands are sent as they come, without waiting for each
/// other's replies. Commands that block, and transactions that watch keys, get connections of their
/// own. What is lost is connected again by itself, with the wait growing from
/// ``RedisOptions/retryDelay``.
///
/// Each command has ``RedisOptions/timeout`` per attempt and ``RedisOptions/attempts``. An error's
/// `outcome` says whether the command may have been done. A task that is cancelled gets
/// `StorageError.Code.cancelled` at once; the connection goes on, and the late reply is swallowed.
///
/// May be used from any task; nothing here blocks a thread. One thread of its own does all the
/// input and output. It ends with ``close()``, or with the client's last reference.
public final class RedisClient: Sendable {
  private enum State {
    /// Nothing is open; the first command opens it.
    case idle
    case open(RedisSession)
    /// Until the next ``RedisClient/connect()``.
    case closed
  }

  /// What it was made with.
  public let options: RedisOptions
  private let state = Guarded<State>(.idle)

  /// A client that opens nothing yet: ``connect()`` does, or the first command.
  public init(_ options: RedisOptions) { self.options = options }

  /// Opens the connection, and returns when the server has answered.
  ///
  /// - Throws: why it could not be connected in ``RedisOptions/attempts`` attempts. It goes on
  ///   trying in the background until ``close()``.
  public func connect() async throws(StorageError) {
    let session = try session(reopens: true)
    let reply = try await session.shared
      .answer(to: .ping(), options.terms(repeatable: true)).result.get()
    // Who may not PING is connected all the same.
    if case .fault(let fault) = reply, fault.prefix != "NOPERM" { throw fault.error() }
  }

  /// Closes all connections, and returns when they are closed. What is under way fails with
  /// `StorageError.Code.notConnected`, as does what comes until the next ``connect()``;
  /// subscriptions end.
  public func close() async {
    let session = state.withLock { state -> RedisSession? in
      defer { state = .closed }
      if case .open(let session) = state { return session }
      return nil
    }
    await session?.close()
  }

  /// Sends a command and returns its reply.
  ///
  /// A command that blocks, such as `BLPOP`, goes on a connection of its own by itself. It has its
  /// own time and ``RedisOptions/timeout``; if it waits for ever, it does so until `deadline` or
  /// its cancellation.
  ///
  /// - Parameters:
  ///   - command: the command.
  ///   - deadline: how long all attempts may take together; `nil`: as long as they take.
  /// - Throws: the server's fault as ``RedisFault/error(outcome:)``; why there is no reply; or
  ///   `StorageError.Code.invalidArgument` for a command that would change the shared connection,
  ///   such as `SELECT`.
  @discardableResult
  public func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(StorageError)
    -> RedisReply
  {
    switch command.place {
    case .anywhere:
      return try await answer(to: command, deadline: deadline).reply()
    case .blocking:
      return try await onConnection(deadline: deadline) { connection throws(StorageError) in
        try await connection.send(command, deadline: deadline)
      }
    case .waiting, .remembered, .nowhere: throw command.misplaced()
    }
  }

  /// Sends commands together and returns their replies, in order. Faults are among them, as
  /// ``RedisReply/fault(_:)``. See ``RedisPipeline``.
  public func pipeline(_ commands: [RedisCommand], deadline: Duration? = nil)
    async throws(StorageError) -> [RedisReply]
  {
    try await send(RedisPipeline(commands), deadline: deadline)
  }

  /// Sends what the body appends, together, and returns the replies, in order. Faults are among
  /// them, as ``RedisReply/fault(_:)``. See ``RedisPipeline``.
  public func withPipeline(deadline: Duration? = nil, _ build: (inout RedisPipeline) -> Void)
    async throws(StorageError) -> [RedisReply]
  {
    var pipeline = RedisPipeline()
    build(&pipeline)
    return try await send(pipeline, deadline: deadline)
  }

  /// The figures of the shared connection; zeros where it is not open.
  public var figures: RedisFigures {
    guard case .open(let session) = state.withLock({ $0 }) else { return RedisFigures() }
    return session.shared.figures ?? RedisFigures()
  }

  /// What becomes of a command that may go beside others.
  func answer(to command: RedisCommand, deadline: Duration? = nil) async throws(StorageError)
    -> RedisAnswer
  {
    try await session().shared.answer(
      to: command, options.terms(repeatable: command.isRepeatable, deadline: deadline))
  }

  func send(_ pipeline: RedisPipeline, deadline: Duration?) async throws(StorageError)
    -> [RedisReply]
  {
    guard pipeline.count > 0 else { return [] }
    return try await answer(to: pipeline, deadline: deadline).result.get().elements ?? []
  }

  /// What becomes of commands that go together; there is one at least.
  func answer(to pipeline: RedisPipeline, deadline: Duration? = nil) async throws(StorageError)
    -> RedisAnswer
  {
    try pipeline.check()
    return try await session().shared.answer(
      to: pipeline, options.terms(repeatable: pipeline.isRepeatable, deadline: deadline))
  }

  /// What is open; opened now where it never was. `reopens`: also where it was closed.
  func session(reopens: Bool = false) throws(StorageError) -> RedisSession {
    let options = options
    return try state.withLock { state throws(StorageError) in
      switch state {
      case .open(let session): return session
      case .closed where !reopens: throw RedisStatus.closed
      case .idle, .closed:
        let session = try RedisSession(options)
        state = .open(session)
        return session
      }
    }
  }

  /// What is open now; `nil`: nothing, and whether that is because it was closed.
  var opened: (session: RedisSession?, isClosed: Bool) {
    state.withLock { state in
      switch state {
      case .open(let session): (session, false)
      case .idle: (nil, false)
      case .closed: (nil, true)
      }
    }
  }
}
