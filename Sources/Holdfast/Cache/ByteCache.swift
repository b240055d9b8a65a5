import CHoldfast

/// A cache from bytes to bytes, within limits that hold.
///
/// ```swift
/// let pages = try ByteCache(options)
///
/// try pages.insert(html, forKey: "/index")
/// if let html = pages.value(forKey: "/index") { … }
/// pages.withValue(forKey: "/index") { bytes in socket.write(bytes) }  // no array is made
/// ```
///
/// Values lie in the cache's own memory, with no object for each. Keys are strings, integers, bytes,
/// or whatever says its bytes: ``CacheKey``. For values of a type of your own there is ``Cache``.
///
/// Any number of tasks may use one at once. Under ``CacheOptions/Policy/s3fifo`` copying a value out
/// takes no lock.
public final class ByteCache: Sendable {
  @usableFromInline let core: CacheCore

  /// Makes an empty cache with a coarse clock, which moves in steps of 1 to 10 ms.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(`maxEntries`).
  public init(_ options: CacheOptions = CacheOptions()) throws(HoldfastError) {
    core = try CacheCore(options, time: .coarse, removal: nil)
  }

  /// Makes an empty cache with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock.
  public init(
    _ options: CacheOptions = CacheOptions(), clock: some Clock<Duration>
  ) throws(HoldfastError) {
    core = try CacheCore(options, time: TimeSource(clock), removal: nil)
  }

  // MARK: - Reading

  /// A copy of the value of a key; `nil` when there is none.
  ///
  /// - Complexity: O(1) and copying, one allocation.
  @inlinable
  public func value(forKey key: borrowing some CacheKey & ~Copyable & ~Escapable) -> [UInt8]? {
    withValue(forKey: key) { value in
      unsafe value.withUnsafeBytes { bytes in unsafe [UInt8](bytes) }
    }
  }

  /// Lends the value of a key: a copy of it that lives for the call.
  ///
  /// No lock is held meanwhile, so the body may take its time, and use the cache.
  ///
  /// - Parameters:
  ///   - key: of the value.
  ///   - body: not called when there is no value.
  /// - Returns: what the body returns; `nil` when there is no value.
  /// - Complexity: O(1), copying, and the body's; no allocation up to 1,024 bytes.
  @inlinable
  public func withValue<Result, Failure: Error>(
    forKey key: borrowing some CacheKey & ~Copyable & ~Escapable,
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    try key.withKeyBytes { (key: RawSpan) throws(Failure) in try core.withCopy(key, body) }
  }

  /// What ``copyValue(forKey:into:)`` found.
  public enum Copied: Sendable, Hashable {
    /// Nothing.
    case miss
    /// A value of so many bytes, which were copied.
    case hit(byteCount: Int)
    /// The same, past its soft TTL.
    case stale(byteCount: Int)
    /// That there is no value.
    case negative
    /// A value of so many bytes, which is larger than the buffer. Nothing was copied.
    case noRoom(byteCount: Int)
  }

  /// Copies the value of a key into memory of the caller's.
  ///
  /// - Parameters:
  ///   - key: of the value.
  ///   - buffer: its first bytes receive the value, the others stay as they are.
  /// - Complexity: O(1) and copying, no allocation; under ``CacheOptions/Policy/s3fifo`` no lock.
  @inlinable
  public func copyValue(
    forKey key: borrowing some CacheKey & ~Copyable & ~Escapable,
    into buffer: inout MutableRawSpan
  ) -> Copied {
    let found = unsafe buffer.withUnsafeMutableBytes { buffer in
      key.withKeyBytes { key in unsafe core.copy(key, into: buffer) }
    }
    return Copied(found)
  }

  /// Copies the values of several keys, each into memory of its own. Their memory is asked for together,
  /// so in a large cache it is waited for once rather than for each.
  ///
  /// Each stands alone: they are not of one moment.
  ///
  /// - Returns: the value of each key, in order; `nil` where there is none.
  @inlinable
  public func values<Key: CacheKey>(forKeys keys: some Sequence<Key>) -> [[UInt8]?] {
    var values: [[UInt8]?] = []
    values.reserveCapacity(keys.underestimatedCount)
    let room = 256
    unsafe withUnsafeTemporaryAllocation(
      byteCount: CacheCore.Keys.most * room, alignment: 8
    ) { rooms in
      unsafe core.copyMany(keys, into: rooms, room: room) { found, value, key in
        switch found.answer {
        case .hit, .stale: unsafe values.append([UInt8](value.prefix(found.byteCount)))
        case .noRoom:
          values.append(core.withCopy(key, isCounted: true) { value in [UInt8](copying: value) })
        case .miss, .negative: values.append(nil)
        }
      }
    }
    return values
  }

  /// Whether a key has a value. Nobody can tell that it was looked up.
  ///
  /// - Complexity: O(1).
  public func contains(_ key: borrowing some CacheKey & ~Copyable & ~Escapable) -> Bool {
    key.withKeyBytes { key in core.contains(key) }
  }

  // MARK: - Writing

  /// Puts a value under a key, in place of what is there.
  ///
  /// - Parameters:
  ///   - value: copied.
  ///   - key: at most 65,535 bytes.
  ///   - options: how long it lives, and so on.
  /// - Throws: ``HoldfastError/Code/tooLarge`` when the limit of bytes cannot hold it: what was under
  ///   the key is gone then. ``HoldfastError/Code/invalidArgument``,
  ///   ``HoldfastError/Code/outOfMemory``: nothing changed.
  /// - Complexity: O(1) amortized, and copying.
  public func insert(
    _ value: RawSpan, forKey key: borrowing some CacheKey & ~Copyable & ~Escapable,
    options: CacheEntryOptions = CacheEntryOptions()
  ) throws(HoldfastError) {
    try options.check()
    try key.withKeyBytes { (key: RawSpan) throws(HoldfastError) in
      if options.isOver {
        _ = core.remove(key)
      } else {
        try core.insert(key, value, options)
      }
    }
  }

  /// Puts a value under a key, in place of what is there. Throws as the form that takes a span.
  public func insert(
    _ value: [UInt8], forKey key: borrowing some CacheKey & ~Copyable & ~Escapable,
    options: CacheEntryOptions = CacheEntryOptions()
  ) throws(HoldfastError) {
    // Safe: bytes are initialized and have no other meaning.
    try insert(unsafe value.span.bytes, forKey: key, options: options)
  }

  /// Puts a value under a key, to live for so long. Throws as the form that takes a span.
  public func insert(
    _ value: [UInt8], forKey key: borrowing some CacheKey & ~Copyable & ~Escapable, ttl: Duration
  ) throws(HoldfastError) {
    try insert(value, forKey: key, options: CacheEntryOptions(ttl: ttl))
  }

  /// Remembers that a key has no value: ``copyValue(forKey:into:)`` then answers
  /// ``Copied/negative``. Throws as inserting a value does.
  ///
  /// - Parameters:
  ///   - key: that has none.
  ///   - options: how long it is remembered: by default ``CacheOptions/negativeTTL``.
  public func insertNegative(
    forKey key: borrowing some CacheKey & ~Copyable & ~Escapable,
    options: CacheEntryOptions = CacheEntryOptions()
  ) throws(HoldfastError) {
    try options.check()
    try key.withKeyBytes { (key: RawSpan) throws(HoldfastError) in
      if options.isOver {
        _ = core.remove(key)
      } else {
        try core.insert(key, RawSpan(), negative: true, options)
      }
    }
  }

  /// Removes an entry.
  ///
  /// - Returns: whether there was one.
  /// - Complexity: O(1).
  @discardableResult
  public func removeValue(forKey key: borrowing some CacheKey & ~Copyable & ~Escapable) -> Bool {
    key.withKeyBytes { key in core.remove(key) }
  }

  /// Removes all entries.
  ///
  /// - Complexity: O(entries).
  public func removeAll() { core.removeAll() }

  // MARK: - Invalidating

  /// No entry with this tag is found any more. Their memory is taken back step by step.
  ///
  /// - Complexity: O(1).
  public func invalidate(_ tag: CacheTag) { core.invalidate(tag) }

  /// Declares that keys which begin with a prefix can be invalidated together. It holds for entries that
  /// are put later.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when the prefix is empty or too long, or there are
  ///   64 already, ``HoldfastError/Code/outOfMemory``.
  public func declareNamespace(
    _ prefix: borrowing some CacheKey & ~Copyable & ~Escapable
  ) throws(HoldfastError) {
    try prefix.withKeyBytes { (prefix: RawSpan) throws(HoldfastError) in
      try core.declareNamespace(prefix)
    }
  }

  /// No entry of a namespace is found any more.
  ///
  /// - Returns: `false` when it was not declared; nothing is invalidated then.
  /// - Complexity: O(namespaces).
  @discardableResult
  public func invalidateNamespace(
    _ prefix: borrowing some CacheKey & ~Copyable & ~Escapable
  ) -> Bool {
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

  /// Clears away entries that have expired or were invalidated, so that their memory is free. Inserting
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

  // MARK: - Saving

  /// Writes what has not expired to a file, with what is left of the TTLs. The file appears whole or not
  /// at all.
  ///
  /// - Throws: ``HoldfastError/Code/io``, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(entries).
  public func save(to path: String) throws(HoldfastError) {
    var error = hf_error()
    let status = unsafe path.withCString { path in
      unsafe hf_cache_save(core.pointer, path, core.time.now, &error)
    }
    guard status == HF_OK else { throw HoldfastError(error) }
  }

  /// Puts the entries of a file that ``save(to:)`` wrote into the cache. A key that is there already
  /// stays as it is.
  ///
  /// - Returns: how many were put.
  /// - Throws: ``HoldfastError/Code/io``, also when there is no such file;
  ///   ``HoldfastError/Code/badImage`` when it is torn, altered or of another version: nothing changed
  ///   then. ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(entries).
  @discardableResult
  public func restore(from path: String) throws(HoldfastError) -> Int {
    var error = hf_error()
    var restored = 0
    let status = unsafe path.withCString { path in
      unsafe hf_cache_restore(core.pointer, path, core.time.now, &restored, &error)
    }
    guard status == HF_OK else { throw HoldfastError(error) }
    return restored
  }
}

extension ByteCache.Copied {
  @usableFromInline init(_ found: CacheCore.Found) {
    switch found.answer {
    case .miss: self = .miss
    case .hit: self = .hit(byteCount: found.byteCount)
    case .stale: self = .stale(byteCount: found.byteCount)
    case .negative: self = .negative
    case .noRoom: self = .noRoom(byteCount: found.byteCount)
    }
  }
}
