internal import Holdfast

/// What a client holds open, from its first command to its end: the thread, the shared connection,
/// the one for subscriptions and the pool of the others.
final class RedisSession: Sendable {
  let options: RedisOptions
  let shared: RedisLink
  let pool: RedisPool
  let subscriptions: RedisSubscriptions
  // Let go of before the links end, so that the last reference goes on the loop's own thread, where
  // the loop's end is not waited for.
  private let loop: Guarded<RedisLoop?>

  /// Begins to connect.
  init(_ options: RedisOptions) throws(StorageError) {
    try options.check()
    let loop = try RedisLoop()
    self.options = options
    shared = try RedisLink(loop, options, .shared)
    pool = RedisPool(options)
    subscriptions = RedisSubscriptions(options)
    self.loop = Guarded(loop)
  }

  deinit { _ = closeAll() }

  /// One more link for a purpose.
  func open<Result>(_ body: (RedisLoop) throws(StorageError) -> Result) throws(StorageError)
    -> Result
  {
    guard let loop = loop.withLock({ $0 }) else { throw RedisStatus.closed }
    return try body(loop)
  }

  /// Ends everything, and returns when it has ended.
  func close() async {
    for events in closeAll() { await events.end() }
  }

  private func closeAll() -> [RedisLinkEvents] {
    loop.withLock { $0 = nil }
    let links = [shared] + pool.close() + subscriptions.close()
    for link in links { link.close() }
    return links.map(\.events)
  }
}
