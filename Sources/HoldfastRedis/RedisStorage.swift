public import Holdfast

/// A storage in Redis.
///
/// ```swift
/// let storage = try RedisStorage(url: "redis://localhost:6379")
/// try await storage.connect()
/// try await storage.set("session:7", to: bytes, expire: .seconds(1800))
/// ```
///
/// What was under way when a connection was lost, or an attempt's time was over, is sent again if
/// it does no harm to do it twice: reads, ``set(_:to:expire:)``, ``setMany(_:expire:)``,
/// ``expire(_:after:)``, ``delete(_:)``, ``hset(_:_:)``, ``hdel(_:_:)``. The last three say what
/// they changed, and a second time may see what the first did; where the answer could be wrong for
/// that reason they throw `StorageError.Code.connectionLost` with outcome unknown instead. The
/// others, such as ``increment(_:by:)``, are sent once.
///
/// A lost connection is made again by itself: see ``RedisClient``, which is there for all that a
/// storage does not have.
public struct RedisStorage: Storage {
  /// What it stands on.
  public let client: RedisClient

  /// Over a client that is there already.
  public init(_ client: RedisClient) { self.client = client }

  /// Over a client of its own.
  public init(_ options: RedisOptions) { self.init(RedisClient(options)) }

  /// Over a client of its own: see ``RedisOptions/init(url:)``.
  public init(url: String = "redis://localhost:6379") throws(StorageError) {
    self.init(try RedisOptions(url: url))
  }

  /// From configuration by names: see ``RedisOptions/init(config:)``.
  public static func from(_ config: [String: String]) throws(StorageError) -> RedisStorage {
    RedisStorage(try RedisOptions(config: config))
  }

  /// Opens the connection, and returns when the server has answered: see ``RedisClient/connect()``.
  public func connect() async throws(StorageError) { try await client.connect() }

  /// Closes all connections: see ``RedisClient/close()``.
  public func close() async { await client.close() }

  /// How the server is: see ``RedisClient/health()``.
  public func health() async -> StorageHealth { await client.health() }

  /// The value of a key; `nil`: there is none. `GET`.
  public func get(_ key: String) async throws(StorageError) -> [UInt8]? {
    try await reply(to: .get(key)).value()
  }

  /// Sets a key. `expire`: its TTL; `nil`: none. `SET`.
  public func set(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError) {
    try await reply(to: .set(key, to: value, milliseconds: try Self.milliseconds(expire)))
  }

  /// Sets a key that is not there. Returns whether it was set. `SET NX`, sent once.
  public func setIfAbsent(_ key: String, to value: [UInt8], expire: Duration?)
    async throws(StorageError) -> Bool
  {
    let milliseconds = try Self.milliseconds(expire)
    let reply = try await reply(
      to: .set(key, to: value, milliseconds: milliseconds, ifAbsent: true))
    return reply != .null
  }

  /// Sets a key whose value is `expected`, or deletes it. Returns whether it was so. A script, sent
  /// once.
  public func compareAndSwap(
    _ key: String, from expected: [UInt8]?, to value: [UInt8]?, expire: Duration?
  ) async throws(StorageError) -> Bool {
    let milliseconds = try Self.milliseconds(expire)
    let reply = try await client.reply(
      of: RedisScripts.compareAndSwap, keys: [key],
      arguments: [
        expected == nil ? "0" : "1", .bytes(expected ?? []),
        value == nil ? "0" : "1", .bytes(value ?? []),
        milliseconds.map { .integer($0) } ?? "",
      ])
    // It fails, if at all, before it has changed anything.
    return try reply.unlessFault().number() == 1
  }

  /// Deletes a key. Returns whether it was there. `DEL`.
  @discardableResult
  public func delete(_ key: String) async throws(StorageError) -> Bool {
    try await count(of: .delete(key), at: 1) == 1
  }

  /// Whether a key is there. `EXISTS`.
  public func exists(_ key: String) async throws(StorageError) -> Bool {
    try await reply(to: .exists(key)).number() == 1
  }

  /// Adds to the whole number that a key holds, and returns the sum. `INCRBY`, sent once.
  @discardableResult
  public func increment(_ key: String, by amount: Int64) async throws(StorageError) -> Int64 {
    try await reply(to: .increment(key, by: amount)).number()
  }

  /// Sends a message to a channel. Returns how many received it. `PUBLISH`, sent once.
  @discardableResult
  public func publish(_ message: [UInt8], to channel: String) async throws(StorageError) -> Int {
    Int(try await reply(to: .publish(message, to: channel)).number())
  }

  /// Subscribes to channels: see ``RedisClient/subscribe(to:patterns:)``.
  public func subscribe(to channels: [String]) async throws(StorageError) -> StorageSubscription {
    try await client.subscribe(to: channels)
  }

  @discardableResult
  func reply(to command: RedisCommand) async throws(StorageError) -> RedisReply {
    try await client.answer(to: command).reply()
  }

  /// The reply of a command that says how many it changed, `most` at most.
  func count(of command: RedisCommand, at most: Int64) async throws(StorageError) -> Int64 {
    let answer = try await client.answer(to: command)
    let count = try answer.reply().number()
    guard !answer.wasRepeated || count == most else {
      throw StorageError(
        .connectionLost, "it was done, but in two attempts: what it changed is not known",
        outcome: .unknown)
    }
    return count
  }
}

extension RedisReply {
  /// A string, or nothing.
  func value() throws(StorageError) -> [UInt8]? {
    switch self {
    case .string(let bytes): return bytes
    case .null: return nil
    default: throw unexpected()
    }
  }

  func number() throws(StorageError) -> Int64 {
    guard case .integer(let number) = self else { throw unexpected() }
    return number
  }

  func list() throws(StorageError) -> [RedisReply] {
    guard case .array(let elements) = self else { throw unexpected() }
    return elements
  }

  private func unexpected() -> StorageError {
    StorageError(
      .protocolViolation, "the server's reply is of another kind than this command's",
      outcome: .unknown)
  }
}
