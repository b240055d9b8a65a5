public import Holdfast

extension RedisStorage {
  /// Gives a key another TTL; `nil`: none; zero or less deletes it. Returns whether it is there.
  /// `PEXPIRE`, or `PERSIST`.
  @discardableResult
  public func expire(_ key: String, after ttl: Duration?) async throws(StorageError) -> Bool {
    guard let ttl else {
      // PERSIST says whether there was a TTL, not whether there is a key.
      let replies = try await client.transaction(
        RedisPipeline([.repeatable("PERSIST", .text(key)), .exists(key)]))
      guard replies.count == 2 else { return false }
      return try replies[1].unlessFault().number() == 1
    }
    guard ttl > .zero else { return try await delete(key) }
    let milliseconds = try Self.milliseconds(ttl) ?? 0
    return try await reply(to: .repeatable("PEXPIRE", .text(key), .integer(milliseconds))).number()
      == 1
  }

  /// How long a key will be there. `PTTL`.
  public func ttl(_ key: String) async throws(StorageError) -> StorageTTL {
    switch try await reply(to: .repeatable("PTTL", .text(key))).number() {
    case -2: .absent
    case -1: .none
    case let milliseconds: .left(.milliseconds(max(milliseconds, 1)))
    }
  }

  /// A TTL as Redis has it; `nil`: none.
  static func milliseconds(_ ttl: Duration?) throws(StorageError) -> Int64? {
    guard let ttl else { return nil }
    return try StorageLimits.milliseconds(ofTTL: ttl)
  }
}
