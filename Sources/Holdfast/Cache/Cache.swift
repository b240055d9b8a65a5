import CHoldfast

/// A cache of values of any type that may be sent, within limits that hold.
///
/// ```swift
/// let users = try Cache<String, User>()
///
/// try users.insert(user, forKey: "ada", ttl: .seconds(60))
/// let ada = users["ada"]
///
/// let user = try await users.value(forKey: id, ttl: .seconds(60)) {
///   try await database.user(id)  // one task loads; the others wait for it
/// }
/// ```
///
/// Keys are strings, integers, bytes, or whatever says its bytes: ``CacheKey``. Small values without
/// references, such as numbers and structs of them up to 64 bytes, lie in the cache itself, and
/// under ``CacheOptions/Policy/s3fifo`` reading them takes no lock; for others it holds a reference.
///
/// A value that has left the cache is given up at once, whatever it left for.
///
/// Any number of tasks may use one at once.
public final class Cache<Key: CacheKey & Sendable, Value: Sendable>: Sendable {
  @usableFromInline let core: CacheCore
  let listeners: Listeners
  let waiters = CacheWaiters<Value>()

  /// Makes an empty cache with a coarse clock, which moves in steps of 1 to 10 ms.
  ///
  /// - Parameters:
  ///   - options: limits, policy, TTLs.
  ///   - onRemoval: called with each entry that leaves, by the task that made it leave, with no lock
  ///     held: it may use the cache. Not called for what is there when the cache goes.
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(`maxEntries`).
  public convenience init(
    _ options: CacheOptions = CacheOptions(), onRemoval: (@Sendable (Removal) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(options, time: .coarse, onRemoval: onRemoval)
  }

  /// Makes an empty cache with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock.
  public convenience init(
    _ options: CacheOptions = CacheOptions(), clock: some Clock<Duration>,
    onRemoval: (@Sendable (Removal) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(options, time: TimeSource(clock), onRemoval: onRemoval)
  }

  private init(
    _ options: CacheOptions, time: TimeSource, onRemoval: (@Sendable (Removal) -> Void)?
  ) throws(HoldfastError) {
    let listeners = Listeners(onRemoval)
    self.listeners = listeners
    core = try CacheCore(options, time: time) { key, value, cause in
      let value = Stored.give(up: value)
      if let cause, listeners.areThere {
        listeners.tell(Removal(keyBytes: [UInt8](copying: key), value: value, cause: cause))
      }
    }
  }

  deinit { listeners.finish() }

  // MARK: - Reading

  /// What a cache knows of a key.
  public enum Lookup {
    /// Nothing.
    case miss
    /// A value.
    case hit(Value)
    /// A value past its soft TTL.
    case stale(Value)
    /// That there is no value.
    case negative

    /// The value, if there is one.
    @inlinable public var value: Value? {
      switch self {
      case .hit(let value), .stale(let value): value
      case .miss, .negative: nil
      }
    }
  }

  /// What there is under a key.
  ///
  /// - Complexity: O(1), no allocation.
  @inlinable public func lookup(_ key: Key) -> Lookup {
    let (answer, value) = key.withKeyBytes { key in Stored.read(key, from: core) }
    switch answer {
    case .hit: return value.map { .hit($0) } ?? .miss
    case .stale: return value.map { .stale($0) } ?? .miss
    case .negative: return .negative
    case .miss, .noRoom: return .miss
    }
  }

  /// The value of a key, also when it is past its soft TTL; `nil` when there is none.
  ///
  /// - Complexity: O(1), no allocation.
  @inlinable public func value(forKey key: Key) -> Value? {
    key.withKeyBytes { key in Stored.read(key, from: core).1 }
  }

  /// The value of a key. Setting it inserts or removes; what is refused, because it is larger than the
  /// limits, or the key too long, is gone, and counted in ``CacheStatistics/refused``.
  @inlinable public subscript(key: Key) -> Value? {
    get { value(forKey: key) }
    set {
      if let newValue {
        try? insert(newValue, forKey: key)
      } else {
        removeValue(forKey: key)
      }
    }
  }

  /// The values of several keys, in order; `nil` where there is none. Each stands alone: they are not of
  /// one moment.
  ///
  /// Of values that lie in the cache itself the memory is asked for together, so in a large cache it is
  /// waited for once rather than for each.
  @inlinable public func values(forKeys keys: some Sequence<Key>) -> [Value?] {
    Stored.read(keys, from: core)
  }

  /// Whether a key has a value. Nobody can tell that it was looked up.
  ///
  /// - Complexity: O(1).
  public func contains(_ key: Key) -> Bool {
    key.withKeyBytes { key in core.contains(key) }
  }

  // MARK: - Writing

  /// Puts a value under a key, in place of what is there.
  ///
  /// - Parameters:
  ///   - value: kept until it leaves the cache.
  ///   - key: at most 65,535 bytes.
  ///   - ttl: how long it lives; by default as the cache's options say.
  /// - Throws: ``HoldfastError/Code/tooLarge`` when the limit of bytes cannot hold it: what was under
  ///   the key is gone then. ``HoldfastError/Code/invalidArgument``,
  ///   ``HoldfastError/Code/outOfMemory``: nothing changed.
  /// - Complexity: O(1) amortized.
  public func insert(
    _ value: Value, forKey key: Key, ttl: Duration? = nil
  ) throws(HoldfastError) {
    try insert(value, forKey: key, options: CacheEntryOptions(ttl: ttl))
  }

  /// Puts a value under a key, with more to say about it. Throws as ``insert(_:forKey:ttl:)``.
  public func insert(
    _ value: Value, forKey key: Key, options: CacheEntryOptions
  ) throws(HoldfastError) {
    try options.check()
    if options.isOver {
      removeValue(forKey: key)
      return
    }
    try key.withKeyBytes { (key: RawSpan) throws(HoldfastError) in
      _ = try Stored.put(value) { (bytes: RawSpan) throws(HoldfastError) in
        try core.insert(key, bytes, options)
        return true
      }
    }
  }

  /// Remembers that a key has no value: ``lookup(_:)`` then answers ``Lookup/negative``. Throws as
  /// ``insert(_:forKey:ttl:)``.
  ///
  /// - Parameters:
  ///   - key: that has none.
  ///   - ttl: how long it is remembered: by default ``CacheOptions/negativeTTL``.
  public func insertNegative(forKey key: Key, ttl: Duration? = nil) throws(HoldfastError) {
    let options = CacheEntryOptions(ttl: ttl)
    if options.isOver {
      removeValue(forKey: key)
      return
    }
    try key.withKeyBytes { (key: RawSpan) throws(HoldfastError) in
      try core.insert(key, RawSpan(), negative: true, options)
    }
  }

  /// Removes an entry. A load of its key that is under way is not put.
  ///
  /// - Returns: whether there was one.
  /// - Complexity: O(1).
  @inlinable @discardableResult
  public func removeValue(forKey key: Key) -> Bool {
    key.withKeyBytes { key in core.remove(key) }
  }

  /// Removes all entries. Loads that are under way are not put.
  ///
  /// - Complexity: O(entries).
  public func removeAll() { core.removeAll() }

  // MARK: - Invalidating

  /// No entry with this tag is found any more, and no load of one that is under way is put. Their memory
  /// is taken back step by step.
  ///
  /// - Complexity: O(1).
  public func invalidate(_ tag: CacheTag) { core.invalidate(tag) }

  /// Declares that keys whose bytes begin with a prefix can be invalidated together. It holds for entries
  /// that are put later.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when the prefix is empty or too long, or there are
  ///   64 already, ``HoldfastError/Code/outOfMemory``.
  public func declareNamespace(_ prefix: some CacheKey) throws(HoldfastError) {
    try prefix.withKeyBytes { (prefix: RawSpan) throws(HoldfastError) in
      try core.declareNamespace(prefix)
    }
  }

  /// No entry of a namespace is found any more, and no load of one that is under way is put.
  ///
  /// - Returns: `false` when it was not declared; nothing is invalidated then.
  /// - Complexity: O(namespaces).
  @discardableResult
  public func invalidateNamespace(_ prefix: some CacheKey) -> Bool {
    prefix.withKeyBytes { prefix in core.invalidateNamespace(prefix) }
  }

  // MARK: - Handling

  /// Changes the limits, and evicts what is too much.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/outOfMemory``: nothing
  ///   changed then.
  public func resize(maxEntries: Int, maxBytes: Int? = nil) throws(HoldfastError) {
    try core.resize(maxEntries: maxEntries, maxBytes: maxBytes)
  }

  /// Clears away entries that have expired or were invalidated, so that they are given up. Inserting
  /// does a little of it each time; a cache that is seldom written wants this from time to time.
  ///
  /// - Parameter budget: how many places for entries to look at, from where the last call stopped;
  ///   there are somewhat more than `maxEntries`.
  /// - Returns: how many were cleared away.
  /// - Complexity: O(budget).
  @discardableResult
  public func maintain(budget: Int = 1000) -> Int { core.maintain(budget: budget) }

  /// The figures.
  ///
  /// - Complexity: O(parts).
  public var statistics: CacheStatistics { core.statistics }
}
