// Each operation as `answer` does it, without who did it.
extension DegradedStorage {
  /// As ``Storage/get(_:)`` says.
  public func get(_ key: String) async throws(StorageError) -> [UInt8]? {
    try await read { storage throws(StorageError) in try await storage.get(key) }
  }

  /// As ``Storage/set(_:to:expire:)`` says.
  public func set(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError) {
    try await write { storage throws(StorageError) in
      try await storage.set(key, to: value, expire: expire)
    }
  }

  /// As ``Storage/setIfAbsent(_:to:expire:)`` says.
  public func setIfAbsent(_ key: String, to value: [UInt8], expire: Duration?)
    async throws(StorageError) -> Bool
  {
    try await write { storage throws(StorageError) in
      try await storage.setIfAbsent(key, to: value, expire: expire)
    }
  }

  /// As ``Storage/compareAndSwap(_:from:to:expire:)`` says.
  public func compareAndSwap(
    _ key: String, from expected: [UInt8]?, to value: [UInt8]?, expire: Duration?
  ) async throws(StorageError) -> Bool {
    try await write { storage throws(StorageError) in
      try await storage.compareAndSwap(key, from: expected, to: value, expire: expire)
    }
  }

  /// As ``Storage/delete(_:)`` says.
  @discardableResult
  public func delete(_ key: String) async throws(StorageError) -> Bool {
    try await write { storage throws(StorageError) in try await storage.delete(key) }
  }

  /// As ``Storage/exists(_:)`` says.
  public func exists(_ key: String) async throws(StorageError) -> Bool {
    try await read { storage throws(StorageError) in try await storage.exists(key) }
  }

  /// As ``Storage/expire(_:after:)`` says.
  @discardableResult
  public func expire(_ key: String, after ttl: Duration?) async throws(StorageError) -> Bool {
    try await write { storage throws(StorageError) in try await storage.expire(key, after: ttl) }
  }

  /// As ``Storage/ttl(_:)`` says.
  public func ttl(_ key: String) async throws(StorageError) -> StorageTTL {
    try await read { storage throws(StorageError) in try await storage.ttl(key) }
  }

  /// As ``Storage/increment(_:by:)`` says.
  @discardableResult
  public func increment(_ key: String, by amount: Int64) async throws(StorageError) -> Int64 {
    try await write { storage throws(StorageError) in
      try await storage.increment(key, by: amount)
    }
  }

  /// As ``Storage/hset(_:_:)`` says.
  @discardableResult
  public func hset(_ key: String, _ fields: [String: [UInt8]]) async throws(StorageError) -> Int {
    try await write { storage throws(StorageError) in try await storage.hset(key, fields) }
  }

  /// As ``Storage/hget(_:_:)`` says.
  public func hget(_ key: String, _ field: String) async throws(StorageError) -> [UInt8]? {
    try await read { storage throws(StorageError) in try await storage.hget(key, field) }
  }

  /// As ``Storage/hgetAll(_:)`` says.
  public func hgetAll(_ key: String) async throws(StorageError) -> [String: [UInt8]] {
    try await read { storage throws(StorageError) in try await storage.hgetAll(key) }
  }

  /// As ``Storage/hdel(_:_:)`` says.
  @discardableResult
  public func hdel(_ key: String, _ fields: [String]) async throws(StorageError) -> Int {
    try await write { storage throws(StorageError) in try await storage.hdel(key, fields) }
  }

  /// As ``Storage/getMany(_:)`` says.
  public func getMany(_ keys: [String]) async throws(StorageError) -> [[UInt8]?] {
    try await read { storage throws(StorageError) in try await storage.getMany(keys) }
  }

  /// As ``Storage/setMany(_:expire:)`` says.
  public func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError) {
    try await write { storage throws(StorageError) in
      try await storage.setMany(values, expire: expire)
    }
  }

  /// The keys that a pattern matches, of whoever answers when it begins. A scan that began with the
  /// primary throws when that cannot be reached any more.
  public func scan(_ pattern: StoragePattern) -> StorageScan {
    let pages = primary.scan(pattern)
    return StorageScan { cursor throws(StorageError) in
      if cursor > 0 { return try await pages.page(cursor) }
      return try await self.answer(isRead: true) { _ throws(StorageError) in
        try await pages.page(0)
      } standIn: { standIn throws(StorageError) -> StorageScan.Page in
        (try standIn.allKeys(matching: pattern), nil)
      }.value
    }
  }

  /// As ``Storage/publish(_:to:)`` says.
  @discardableResult
  public func publish(_ message: [UInt8], to channel: String) async throws(StorageError) -> Int {
    try await askPrimary { storage throws(StorageError) in
      try await storage.publish(message, to: channel)
    }
  }

  /// As ``Storage/subscribe(to:)`` says.
  public func subscribe(to channels: [String]) async throws(StorageError) -> StorageSubscription {
    try await askPrimary { storage throws(StorageError) in
      try await storage.subscribe(to: channels)
    }
  }

  /// What only the primary can do.
  private func askPrimary<Value: Sendable>(
    _ operation: (any Storage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> Value {
    try await answer(isRead: false, operation) { _ throws(StorageError) in
      throw StorageError(
        .notConnected, "the primary storage cannot be reached, and there are no messages without it"
      )
    }.value
  }

  private func read<Value: Sendable>(
    _ operation: (any Storage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> Value {
    try await answer(isRead: true, operation).value
  }

  private func write<Value: Sendable>(
    _ operation: (any Storage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> Value {
    try await answer(operation).value
  }
}
