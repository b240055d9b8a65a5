/// A part of a storage: its keys and channels are those that begin with a prefix, which whoever uses
/// it does not see.
///
/// ```swift
/// let sessions = storage.prefixed("app:sessions:")
/// try await sessions.set("1", to: token, expire: .seconds(60))  // the key is app:sessions:1
/// ```
///
/// Connecting and closing are those of the storage below, for all who use that.
public struct PrefixedStorage: Storage {
  /// The storage below.
  public let base: any Storage
  /// What the keys and channels there begin with.
  public let prefix: String

  /// The part of a storage whose keys begin with a prefix.
  public init(_ base: any Storage, prefix: String) {
    self.base = base
    self.prefix = prefix
  }

  private func full(_ name: String) -> String { prefix + name }

  /// As ``Storage/connect()`` says.
  public func connect() async throws(StorageError) { try await base.connect() }

  /// As ``Storage/close()`` says.
  public func close() async { await base.close() }

  /// As ``Storage/health()`` says.
  public func health() async -> StorageHealth { await base.health() }

  /// As ``Storage/get(_:)`` says.
  public func get(_ key: String) async throws(StorageError) -> [UInt8]? {
    try await base.get(full(key))
  }

  /// As ``Storage/set(_:to:expire:)`` says.
  public func set(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError) {
    try await base.set(full(key), to: value, expire: expire)
  }

  /// As ``Storage/setIfAbsent(_:to:expire:)`` says.
  public func setIfAbsent(_ key: String, to value: [UInt8], expire: Duration?)
    async throws(StorageError) -> Bool
  {
    try await base.setIfAbsent(full(key), to: value, expire: expire)
  }

  /// As ``Storage/compareAndSwap(_:from:to:expire:)`` says.
  public func compareAndSwap(
    _ key: String, from expected: [UInt8]?, to value: [UInt8]?, expire: Duration?
  ) async throws(StorageError) -> Bool {
    try await base.compareAndSwap(full(key), from: expected, to: value, expire: expire)
  }

  /// As ``Storage/delete(_:)`` says.
  @discardableResult
  public func delete(_ key: String) async throws(StorageError) -> Bool {
    try await base.delete(full(key))
  }

  /// As ``Storage/exists(_:)`` says.
  public func exists(_ key: String) async throws(StorageError) -> Bool {
    try await base.exists(full(key))
  }

  /// As ``Storage/expire(_:after:)`` says.
  @discardableResult
  public func expire(_ key: String, after ttl: Duration?) async throws(StorageError) -> Bool {
    try await base.expire(full(key), after: ttl)
  }

  /// As ``Storage/ttl(_:)`` says.
  public func ttl(_ key: String) async throws(StorageError) -> StorageTTL {
    try await base.ttl(full(key))
  }

  /// As ``Storage/increment(_:by:)`` says.
  @discardableResult
  public func increment(_ key: String, by amount: Int64) async throws(StorageError) -> Int64 {
    try await base.increment(full(key), by: amount)
  }

  /// As ``Storage/hset(_:_:)`` says.
  @discardableResult
  public func hset(_ key: String, _ fields: [String: [UInt8]]) async throws(StorageError) -> Int {
    try await base.hset(full(key), fields)
  }

  /// As ``Storage/hget(_:_:)`` says.
  public func hget(_ key: String, _ field: String) async throws(StorageError) -> [UInt8]? {
    try await base.hget(full(key), field)
  }

  /// As ``Storage/hgetAll(_:)`` says.
  public func hgetAll(_ key: String) async throws(StorageError) -> [String: [UInt8]] {
    try await base.hgetAll(full(key))
  }

  /// As ``Storage/hdel(_:_:)`` says.
  @discardableResult
  public func hdel(_ key: String, _ fields: [String]) async throws(StorageError) -> Int {
    try await base.hdel(full(key), fields)
  }

  /// As ``Storage/getMany(_:)`` says.
  public func getMany(_ keys: [String]) async throws(StorageError) -> [[UInt8]?] {
    try await base.getMany(keys.map(full))
  }

  /// As ``Storage/setMany(_:expire:)`` says.
  public func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError) {
    // Two keys that differ still do with the same text before them.
    try await base.setMany(
      Dictionary(values.map { (full($0), $1) }, uniquingKeysWith: { $1 }), expire: expire)
  }

  /// As ``Storage/scan(_:)`` says.
  public func scan(_ pattern: StoragePattern) -> StorageScan {
    let below = base.scan(StoragePattern(glob: StoragePattern.escaped(prefix) + pattern.glob))
    let hidden = prefix.utf8.count
    return StorageScan { cursor throws(StorageError) in
      let (keys, next) = try await below.page(cursor)
      return (keys.map { $0.dropping(bytes: hidden) }, next)
    }
  }

  /// As ``Storage/publish(_:to:)`` says.
  @discardableResult
  public func publish(_ message: [UInt8], to channel: String) async throws(StorageError) -> Int {
    try await base.publish(message, to: full(channel))
  }

  /// As ``Storage/subscribe(to:)`` says.
  public func subscribe(to channels: [String]) async throws(StorageError) -> StorageSubscription {
    StorageSubscription(
      try await base.subscribe(to: channels.map(full)), hidingBytes: prefix.utf8.count)
  }
}

extension Storage {
  /// The part of this storage whose keys and channels begin with a prefix.
  public func prefixed(_ prefix: String) -> PrefixedStorage {
    PrefixedStorage(self, prefix: prefix)
  }
}
