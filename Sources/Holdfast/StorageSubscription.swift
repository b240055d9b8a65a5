/// A message that came on a channel.
public struct StorageMessage: Sendable, Hashable {
  public let channel: String
  public let payload: [UInt8]
  public init(channel: String, payload: [UInt8]) {
    self.channel = channel
    self.payload = payload
  }
}

/// The messages of a subscription: `for try await message in subscription`.
///
/// It ends when it is cancelled, when its last reference goes, or with the storage. It survives a lost
/// connection: it is subscribed again by itself; what was published meanwhile is lost, and `losses` says
/// that there was such a gap.
public final class StorageSubscription: AsyncSequence, Sendable {
  public typealias Element = StorageMessage
  public typealias Failure = StorageError

  /// What did not come.
  public struct Losses: Sendable, Hashable {
    /// How often the connection was lost: messages of such times never came.
    public var gaps = 0
    /// Messages that came, and were dropped, the oldest first, because they were not taken in time.
    public var dropped = 0
  }
  // To be designed by its implementer: bounded buffer (default 1,024 messages, dropping the oldest and
  // counting), one consumer at a time, next() ends on task cancellation without ending the subscription.
  public var losses: Losses { Losses() }
  public func cancel() {}
  public func makeAsyncIterator() -> Iterator { Iterator() }
  public struct Iterator: AsyncIteratorProtocol {
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(StorageError)
      -> StorageMessage?
    { nil }
  }
}
