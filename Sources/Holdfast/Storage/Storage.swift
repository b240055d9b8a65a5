/// Where state is kept: in memory, in Redis, or wherever an implementation puts it.
///
/// Higher parts take `any Storage`, so a service runs on ``MemoryStorage`` in its tests and on one
/// machine, and on Redis in production, without a change:
///
/// ```swift
/// let storage: any Storage = MemoryStorage()
/// try await storage.connect()
/// try await storage.set("user:1", to: Array("Ann".utf8), expire: .seconds(60))
/// let name = try await storage.get("user:1")
/// ```
///
/// What every implementation answers, and `HoldfastStorageConformance` asks of each:
///
/// - A key is any text, the empty one too; a value is any bytes, none too. A value that is there and empty
///   is `[]`; one that is not there is `nil`.
/// - Nothing returns "false" or "nothing" for a failure: failures are thrown, as ``StorageError``.
/// - A TTL is a `Duration` above zero, rounded up to a whole millisecond, at most
///   ``StorageLimits/longestTTL``; anything else is ``StorageError/Code/invalidArgument``. From the moment
///   that it is over the key is not there, whoever asks.
/// - ``set(_:to:expire:)`` replaces whatever was there, of whatever kind, and its TTL.
/// - A key holds a value or hash fields, not both: what is meant for the other kind is
///   ``StorageError/Code/wrongType``.
/// - Each operation on one key is atomic. Those on many keys are not, unless they say so.
///
/// All may be called from any task. An operation whose task is cancelled throws
/// ``StorageError/Code/cancelled``; `outcome` says whether it may have been done all the same.
public protocol Storage: Sendable {
  /// Makes ready what the other operations need, and says if that cannot be done. Those may be called
  /// without it; then the first does this, or fails. Once more does no harm.
  func connect() async throws(StorageError)

  /// Gives back what it holds open. What is under way fails; what comes later fails with
  /// ``StorageError/Code/notConnected`` until the next ``connect()``.
  func close() async

  /// How it is. Never throws: what is wrong is in the answer.
  func health() async -> StorageHealth

  /// The value of a key; `nil`: there is none.
  func get(_ key: String) async throws(StorageError) -> [UInt8]?

  /// Sets a key. `expire`: its TTL; `nil`: none, also if there was one.
  func set(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError)

  /// Sets a key that is not there. Returns whether it was set.
  func setIfAbsent(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError)
    -> Bool

  /// Sets a key whose value is `expected` to `value`, and its TTL as ``set(_:to:expire:)`` does.
  /// Returns whether it was so.
  ///
  /// `expected` being `nil` means that there is no such key; `value` being `nil`, that it is to be
  /// deleted.
  func compareAndSwap(_ key: String, from expected: [UInt8]?, to value: [UInt8]?, expire: Duration?)
    async throws(StorageError) -> Bool

  /// Deletes a key. Returns whether it was there.
  @discardableResult
  func delete(_ key: String) async throws(StorageError) -> Bool

  /// Whether a key is there.
  func exists(_ key: String) async throws(StorageError) -> Bool

  /// Gives a key another TTL; `nil`: none. Returns whether it is there. One of zero or less deletes it.
  @discardableResult
  func expire(_ key: String, after ttl: Duration?) async throws(StorageError) -> Bool

  /// How long a key will be there.
  func ttl(_ key: String) async throws(StorageError) -> StorageTTL

  /// Adds to the whole number that a key holds, 0 if it is not there, and returns the sum. Its TTL
  /// stays. The value is the number in decimal digits, so ``get(_:)`` reads it. A value that is no
  /// such number is ``StorageError/Code/notAnInteger``, and a sum beyond 64 bits
  /// ``StorageError/Code/overflow``; the value stays as it was.
  @discardableResult
  func increment(_ key: String, by amount: Int64) async throws(StorageError) -> Int64

  /// Sets fields of a hash, which begins with the first. Returns how many are new. Setting none is
  /// ``StorageError/Code/invalidArgument``.
  @discardableResult
  func hset(_ key: String, _ fields: [String: [UInt8]]) async throws(StorageError) -> Int

  /// The value of a field; `nil`: there is none.
  func hget(_ key: String, _ field: String) async throws(StorageError) -> [UInt8]?

  /// All fields; none where the key is not there.
  func hgetAll(_ key: String) async throws(StorageError) -> [String: [UInt8]]

  /// Deletes fields; the hash ends with the last. Returns how many were there.
  @discardableResult
  func hdel(_ key: String, _ fields: [String]) async throws(StorageError) -> Int

  /// The values of many keys, in their order. A key of another kind has none here.
  func getMany(_ keys: [String]) async throws(StorageError) -> [[UInt8]?]

  /// Sets many keys. Some may be set when it throws.
  func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError)

  /// The keys that a pattern matches, each once, in no order. Keys that come or go meanwhile may be
  /// among them or not; all others that match are.
  func scan(_ pattern: StoragePattern) -> StorageScan

  /// Sends a message to those who are subscribed to a channel now. Returns how many there are.
  @discardableResult
  func publish(_ message: [UInt8], to channel: String) async throws(StorageError) -> Int

  /// Subscribes to channels, and returns when that is in force: every message from then on comes, but
  /// for those that ``StorageSubscription/losses`` counts.
  func subscribe(to channels: [String]) async throws(StorageError) -> StorageSubscription
}

/// How long a key will be there.
public enum StorageTTL: Sendable, Hashable {
  /// It is not there.
  case absent
  /// Until it is deleted.
  case none
  /// So long, at least a millisecond.
  case left(Duration)
}

/// What all implementations keep to.
public enum StorageLimits {
  /// 2^46 milliseconds, which is 2,231 years: what Redis can add to its clock for a long time to come.
  public static let longestTTL = Duration.milliseconds(1 << 46)

  /// A TTL as it is kept: in whole milliseconds, rounded up; for those who write a storage.
  ///
  /// - Throws: ``StorageError/Code/invalidArgument`` unless it is above zero and at most
  ///   ``longestTTL``.
  public static func milliseconds(ofTTL ttl: Duration) throws(StorageError) -> Int64 {
    guard ttl > .zero, ttl <= longestTTL, let whole = ttl.wholeMilliseconds else {
      throw StorageError(
        .invalidArgument,
        "a TTL is above zero and at most \(longestTTL), but this one is \(ttl)")
    }
    return Int64(clamping: whole)
  }
}

/// How a storage is.
public struct StorageHealth: Sendable, Hashable {
  /// What it can do.
  public enum Status: String, Sendable, Hashable, CaseIterable {
    /// All that it should.
    case healthy
    /// It answers, but not from where it should: see ``StorageHealth/reason``.
    case degraded
    /// It does not answer.
    case unhealthy
  }

  /// What it can do.
  public let status: Status
  /// Why it is not healthy, in plain English; `nil`: it is.
  public let reason: String?
  /// How long its answer took; `nil`: there was none.
  public let latency: Duration?
  /// Figures of the implementation, by name.
  public let details: [String: String]

  /// An answer.
  public init(
    _ status: Status, reason: String? = nil, latency: Duration? = nil,
    details: [String: String] = [:]
  ) {
    self.status = status
    self.reason = reason
    self.latency = latency
    self.details = details
  }
}
