@testable import Holdfast

/// A storage that fails when a test wants it to, before it does what it is asked, or after.
final class FlakyStorage: Storage {
  enum Trouble: Sendable {
    case before(StorageError)
    case after(StorageError)
  }

  private struct State {
    var trouble: Trouble?
    /// So many operations pass before the trouble.
    var passing = 0
    var calls: [String] = []
    var interlude: (@Sendable () async throws -> Void)?
  }

  let memory: MemoryStorage
  private let state = Guarded(State())

  init(_ memory: MemoryStorage) { self.memory = memory }

  /// From now on, or after so many operations.
  func fail(_ trouble: Trouble?, after passing: Int = 0) {
    state.withLock { state in
      state.trouble = trouble
      state.passing = passing
    }
  }

  /// Something to happen in the middle of the next operation.
  func atNextCall(_ body: @escaping @Sendable () async throws -> Void) {
    state.withLock { $0.interlude = body }
  }

  /// The operations that came, and no longer.
  func takeCalls() -> [String] {
    state.withLock { state in
      defer { state.calls = [] }
      return state.calls
    }
  }

  private func run<Value>(
    _ name: String, _ body: () async throws(StorageError) -> Value
  ) async throws(StorageError) -> Value {
    let (trouble, interlude) = state.withLock { state in
      state.calls.append(name)
      let interlude = state.interlude
      state.interlude = nil
      guard state.passing == 0 else {
        state.passing -= 1
        return (Trouble?.none, interlude)
      }
      return (state.trouble, interlude)
    }
    do { try await interlude?() } catch { throw StorageError(.server, "\(error)") }
    if case .before(let error) = trouble { throw error }
    let value = try await body()
    if case .after(let error) = trouble { throw error }
    return value
  }

  func connect() async throws(StorageError) {
    try await run("connect") { () throws(StorageError) in try await memory.connect() }
  }
  func close() async { await memory.close() }
  func health() async -> StorageHealth { await memory.health() }
  func get(_ key: String) async throws(StorageError) -> [UInt8]? {
    try await run("get \(key)") { () throws(StorageError) in try await memory.get(key) }
  }
  func set(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError) {
    try await run("set \(key)") { () throws(StorageError) in
      try await memory.set(key, to: value, expire: expire)
    }
  }
  func setIfAbsent(_ key: String, to value: [UInt8], expire: Duration?)
    async throws(StorageError) -> Bool
  {
    try await run("setIfAbsent \(key)") { () throws(StorageError) in
      try await memory.setIfAbsent(key, to: value, expire: expire)
    }
  }
  func compareAndSwap(
    _ key: String, from expected: [UInt8]?, to value: [UInt8]?, expire: Duration?
  ) async throws(StorageError) -> Bool {
    try await run("swap \(key)") { () throws(StorageError) in
      try await memory.compareAndSwap(key, from: expected, to: value, expire: expire)
    }
  }
  func delete(_ key: String) async throws(StorageError) -> Bool {
    try await run("delete \(key)") { () throws(StorageError) in try await memory.delete(key) }
  }
  func exists(_ key: String) async throws(StorageError) -> Bool {
    try await run("exists \(key)") { () throws(StorageError) in try await memory.exists(key) }
  }
  func expire(_ key: String, after ttl: Duration?) async throws(StorageError) -> Bool {
    try await run("expire \(key)") { () throws(StorageError) in
      try await memory.expire(key, after: ttl)
    }
  }
  func ttl(_ key: String) async throws(StorageError) -> StorageTTL {
    try await run("ttl \(key)") { () throws(StorageError) in try await memory.ttl(key) }
  }
  func increment(_ key: String, by amount: Int64) async throws(StorageError) -> Int64 {
    try await run("increment \(key)") { () throws(StorageError) in
      try await memory.increment(key, by: amount)
    }
  }
  func hset(_ key: String, _ fields: [String: [UInt8]]) async throws(StorageError) -> Int {
    try await run("hset \(key)") { () throws(StorageError) in try await memory.hset(key, fields) }
  }
  func hget(_ key: String, _ field: String) async throws(StorageError) -> [UInt8]? {
    try await run("hget \(key)") { () throws(StorageError) in try await memory.hget(key, field) }
  }
  func hgetAll(_ key: String) async throws(StorageError) -> [String: [UInt8]] {
    try await run("hgetAll \(key)") { () throws(StorageError) in try await memory.hgetAll(key) }
  }
  func hdel(_ key: String, _ fields: [String]) async throws(StorageError) -> Int {
    try await run("hdel \(key)") { () throws(StorageError) in try await memory.hdel(key, fields) }
  }
  func getMany(_ keys: [String]) async throws(StorageError) -> [[UInt8]?] {
    try await run("getMany") { () throws(StorageError) in try await memory.getMany(keys) }
  }
  func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError) {
    try await run("setMany") { () throws(StorageError) in
      try await memory.setMany(values, expire: expire)
    }
  }
  func scan(_ pattern: StoragePattern) -> StorageScan {
    let pages = memory.scan(pattern)
    return StorageScan { cursor throws(StorageError) in
      try await self.run("scan") { () throws(StorageError) in try await pages.page(cursor) }
    }
  }
  func publish(_ message: [UInt8], to channel: String) async throws(StorageError) -> Int {
    try await run("publish") { () throws(StorageError) in
      try await memory.publish(message, to: channel)
    }
  }
  func subscribe(to channels: [String]) async throws(StorageError) -> StorageSubscription {
    try await run("subscribe") { () throws(StorageError) in
      try await memory.subscribe(to: channels)
    }
  }
}
