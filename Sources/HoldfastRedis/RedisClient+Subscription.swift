public import Holdfast

extension RedisClient {
  /// Subscribes to channels, and to all channels that a pattern matches (a glob as in
  /// `StoragePattern`). Returns when the server has confirmed it: every message from then on comes,
  /// but for those that `StorageSubscription.losses` counts.
  ///
  /// All subscriptions share one connection. After it was lost they are subscribed again by
  /// themselves; what was published meanwhile is lost, and counted as a gap. A message on a channel
  /// that is subscribed to both by name and by a pattern comes twice. The subscription ends with
  /// the client's ``close()``.
  ///
  /// - Throws: why it is not in force: no connection, no confirmation within
  ///   ``RedisOptions/timeout``, or the server's refusal. A subscription that is refused when it is
  ///   subscribed again throws that to its reader.
  public func subscribe(to channels: [String], patterns: [String] = []) async throws(StorageError)
    -> StorageSubscription
  {
    let session = try session()
    return try await session.subscriptions.subscribe(to: channels, patterns: patterns, in: session)
  }
}
