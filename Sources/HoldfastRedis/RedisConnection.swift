public import Holdfast

/// A connection of one's own, for as long as ``RedisClient/withConnection(_:)`` runs: for commands
/// that the server answers late, such as `BLPOP`, and for what a connection remembers, such as
/// `WATCH`.
///
/// When it is lost it is not made again: what is sent then fails with
/// `StorageError.Code.connectionLost`. May be used from many tasks; the server answers in order, so
/// behind a command that blocks the others wait.
public final class RedisConnection: Sendable {
  private struct State {
    /// The number of the connection, once there is one.
    var connection: UInt64 = 0
    /// Requests whose answer is due.
    var due = 0
    /// Whether every request was answered.
    var isUnbroken = true
    /// Whether it remembers something, such as watched keys.
    var isBound = false
    var isOver = false
  }

  private let link: RedisLink
  private let options: RedisOptions
  private let state = Guarded(State())

  init(_ link: RedisLink, _ options: RedisOptions) {
    self.link = link
    self.options = options
  }

  /// Sends a command and returns its reply.
  ///
  /// A command that blocks has its own time and ``RedisOptions/timeout``; without one of its own it
  /// waits for as long as `deadline` says, or for ever.
  ///
  /// - Throws: the server's fault as ``RedisFault/error(outcome:)``, or why there is no reply.
  @discardableResult
  public func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(StorageError)
    -> RedisReply
  {
    var terms = try options.terms(repeatable: command.isRepeatable, deadline: deadline)
    var remembers = false
    switch command.place {
    case .nowhere: throw command.misplaced()
    case .remembered: remembers = true
    case .blocking(let most), .waiting(let most):
      terms.timeout = most.flatMap { ($0 + options.timeout).positiveNanoseconds } ?? .max
    case .anywhere: break
    }
    return try await exchange(remembers: remembers, terms) { terms in
      await link.answer(to: command, terms)
    }
    .reply()
  }

  /// Sends commands together and returns their replies. Faults are among them.
  public func pipeline(_ commands: [RedisCommand], deadline: Duration? = nil)
    async throws(StorageError) -> [RedisReply]
  {
    guard !commands.isEmpty else { return [] }
    let pipeline = RedisPipeline(commands)
    var remembers = false
    for command in commands {
      switch command.place {
      case .nowhere, .blocking, .waiting: throw command.misplaced()
      case .remembered: remembers = true
      case .anywhere: break
      }
    }
    try pipeline.checkCount()
    let terms = try options.terms(deadline: deadline)
    return try await exchange(remembers: remembers, terms) { terms in
      await link.answer(to: pipeline, terms)
    }
    .result.get().elements ?? []
  }

  /// Watches keys. Whoever ends the watching says so by ``unwatch()`` or ``transaction(_:)``.
  func watch(_ keys: [String]) async throws(StorageError) {
    try await send(
      RedisCommand("WATCH", arguments: keys.map { .text($0) }, isRepeatable: true))
  }

  func unwatch() async throws(StorageError) {
    let terms = try options.terms()
    _ = try await exchange(remembers: false, terms) { terms in
      await link.answer(to: RedisCommand("UNWATCH"), terms)
    }
    .reply()
    forget()
  }

  /// It remembers nothing any more.
  private func forget() {
    state.withLock { $0.isBound = false }
  }

  /// Commands as a transaction. `nil`: nothing was done, because a watched key was changed, or the
  /// connection that watched is gone.
  func transaction(_ pipeline: RedisPipeline) async throws(StorageError) -> [RedisReply]? {
    let terms = try options.terms()
    do throws(StorageError) {
      let replies = try await exchange(remembers: false, terms) { terms in
        await link.answer(to: pipeline.asTransaction, terms)
      }
      .result.get()
      // EXEC ends the watching, also where it does nothing.
      forget()
      return try RedisTransactionReplies.read(replies.elements ?? [])
    } catch {
      if error.code == .connectionLost, error.outcome == .notDone { return nil }
      throw error
    }
  }

  /// Ends the use. Returns whether the connection may go to another user.
  func finish() -> Bool {
    state.withLock { state in
      state.isOver = true
      return state.isUnbroken && !state.isBound && state.due == 0
    }
  }

  private func exchange(
    remembers: Bool, _ terms: RedisLink.Terms,
    _ answer: (RedisLink.Terms) async -> RedisAnswer
  ) async throws(StorageError) -> RedisAnswer {
    var terms = terms
    let (isOver, connection) = state.withLock { state in
      if !state.isOver { state.due += 1 }
      if remembers { state.isBound = true }
      return (state.isOver, state.connection)
    }
    guard !isOver else {
      throw StorageError(.invalidArgument, "the connection was used after its body had returned")
    }
    terms.connection = connection
    let answer = await answer(terms)
    let isOther = state.withLock { state in
      state.due -= 1
      // What got no answer may still be under way.
      if case .failure = answer.result { state.isUnbroken = false }
      if state.connection == 0 { state.connection = answer.connection }
      return answer.connection != 0 && answer.connection != state.connection
    }
    // Of several that were the first: what that one was told is not remembered by this one.
    if isOther, case .success = answer.result {
      throw StorageError(
        .connectionLost, "the connection was lost after this was sent", outcome: .unknown)
    }
    if answer.hadNoConnection, connection != 0 {
      throw StorageError(.connectionLost, "the connection was lost before this was sent")
    }
    return answer
  }
}

extension RedisReply {
  /// A reply on its own: a fault is thrown.
  func unlessFault() throws(StorageError) -> RedisReply {
    if case .fault(let fault) = self { throw fault.error() }
    return self
  }
}
