internal import CHoldfastRedis
internal import Holdfast

/// One connection to the server that mends itself: the owner of the C part's link.
final class RedisLink: Sendable {
  /// What a link is for.
  enum Purpose: Sendable {
    /// The commands of everybody.
    case shared
    /// A transaction, or a command that blocks: one user at a time, connected when needed.
    case dedicated
    /// Messages.
    case subscriptions
  }

  /// How long a request may take, and on which connection.
  struct Terms: Sendable {
    /// Of an attempt, in nanoseconds.
    var timeout: UInt64
    /// Of all attempts, in nanoseconds; 0: as long as they take.
    var deadline: UInt64 = 0
    var attempts: UInt32
    var isRepeatable = false
    /// 0: on any.
    var connection: UInt64 = 0
  }

  private let handle: RedisLinkHandle
  let events: RedisLinkEvents

  /// Opens one. The options were checked.
  init(
    _ loop: RedisLoop, _ options: RedisOptions, _ purpose: Purpose,
    changed: @escaping @Sendable (RedisLinkEvents.Status) -> Void = { _ in },
    pushed: @escaping @Sendable (RedisReply) -> Void = { _ in }
  ) throws(StorageError) {
    let events = RedisLinkEvents(loop, changed: changed, pushed: pushed)
    var fault = hf_redis_error()
    var link: OpaquePointer?
    let status = unsafe options.withLinkOptions(purpose) { given in
      var given = unsafe given
      unsafe given.callbacks = events.callbacks()
      return unsafe hf_redis_link_open(loop.handle, &given, &link, &fault)
    }
    guard let link = unsafe link, status == HF_REDIS_OK else {
      events.withoutLink()
      let text = unsafe withUnsafeBytes(of: &fault.message) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      throw RedisStatus.error(status, text.isEmpty ? nil : text)
    }
    handle = unsafe RedisLinkHandle(link)
    self.events = events
  }

  deinit { close() }

  /// Closes it, once; what waits is told so. ``RedisLinkEvents/end()`` says when that is done.
  func close() { handle.close() }

  /// The figures; `nil`: it was closed.
  var figures: RedisFigures? {
    unsafe handle.use { link in
      var figures = hf_redis_figures()
      unsafe hf_redis_link_figures(link, &figures)
      return RedisFigures(figures)
    }
  }

  /// Breaks the connection, if there is one, as if it had been lost.
  func breakConnection() {
    _ = unsafe handle.use { link in unsafe hf_redis_link_break(link) }
  }

  /// What becomes of a command.
  func answer(to command: RedisCommand, _ terms: Terms) async -> RedisAnswer {
    await wait(isPipeline: false) { waiter in
      unsafe withUnsafePointer(to: command.lengths.count) { count in
        unsafe submit(waiter, command.bytes, command.lengths, count, commands: 1, terms)
      }
    }
  }

  /// What becomes of commands that stay together; there is one at least.
  func answer(to pipeline: RedisPipeline, _ terms: Terms) async -> RedisAnswer {
    await wait(isPipeline: true) { waiter in submit(waiter, pipeline, terms) }
  }

  /// Gives it to the loop, and the answer to the handler, on the loop's thread. Returns why it was
  /// not taken; the handler does not hear of it then, so that who sends may hold a lock of its own.
  func send(
    _ pipeline: RedisPipeline, _ terms: Terms,
    answer: @escaping @Sendable (RedisAnswer) -> Void
  ) -> StorageError? {
    submit(RedisWaiter(handler: answer), pipeline, terms)
  }

  private func wait(isPipeline: Bool, _ submit: (RedisWaiter) -> StorageError?) async
    -> RedisAnswer
  {
    let waiter = RedisWaiter(isPipeline: isPipeline)
    await withTaskCancellationHandler {
      // Checked, because ThreadSanitizer cannot follow an unsafe one whose answer comes before the
      // task has suspended; that costs 25 ns.
      await withCheckedContinuation { continuation in
        guard waiter.start(continuation) else { return }
        if let error = submit(waiter) {
          waiter.finish(RedisAnswer(notDone: error.code, error.message))
        }
      }
    } onCancel: {
      waiter.cancel()
    }
    return waiter.takeAnswer()
  }

  private func submit(_ waiter: RedisWaiter, _ pipeline: RedisPipeline, _ terms: Terms)
    -> StorageError?
  {
    unsafe pipeline.counts.withUnsafeBufferPointer { counts in
      guard let first = counts.baseAddress else { return nil }
      return unsafe submit(
        waiter, pipeline.bytes, pipeline.lengths, first, commands: counts.count, terms)
    }
  }

  /// Returns why it was not taken; the waiter will not hear of it then.
  private func submit(
    _ waiter: RedisWaiter, _ bytes: [UInt8], _ lengths: [Int], _ counts: UnsafePointer<Int>,
    commands: Int, _ terms: Terms
  ) -> StorageError? {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe lengths.withUnsafeBufferPointer { lengths in
        // A command without a byte would be one whose name is empty.
        guard let start = bytes.baseAddress, let first = lengths.baseAddress else {
          return StorageError(.invalidArgument, "a command has a name")
        }
        let owner = unsafe Unmanaged.passRetained(waiter)
        var request = unsafe hf_redis_request(
          bytes: start.assumingMemoryBound(to: CChar.self), lengths: first, counts: counts,
          commands: commands, timeout_ns: terms.timeout, deadline_ns: terms.deadline,
          attempts: terms.attempts, repeatable: terms.isRepeatable, connection: terms.connection,
          owner: owner.toOpaque())
        let status =
          unsafe handle.use { link in unsafe hf_redis_link_send(link, &request) } ?? HF_REDIS_CLOSED
        guard status != HF_REDIS_OK else { return nil }
        unsafe owner.release()
        return RedisStatus.error(status)
      }
    }
  }
}
