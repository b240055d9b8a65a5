import CHoldfast
import Synchronization

/// Owns a C cache, and speaks bytes with it.
@safe @usableFromInline final class CacheCore: Sendable {
  /// Sendable: any number of threads may use a C cache at once, and only `deinit` frees it.
  nonisolated(unsafe) let pointer: OpaquePointer
  let time: TimeSource
  private let removals: Removals?

  /// Is told of each entry that goes: its key, its value, and why; no cause: the cache itself goes.
  /// No lock is held, so it may use the cache.
  typealias Removal = @Sendable (RawSpan, RawSpan, CacheRemovalCause?) -> Void

  private final class Removals: Sendable {
    let tell: Removal
    /// Relaxed: written in `deinit` alone, by the thread that then reads it.
    let isClosing = Atomic(false)

    init(_ tell: @escaping Removal) { self.tell = tell }
  }

  /// - Parameter removal: must know what becomes of values that are references: each value that was
  ///   put comes here once, those that are there at the end too.
  init(
    _ options: CacheOptions, time: TimeSource, removal: Removal?
  ) throws(HoldfastError) {
    var raw = unsafe try options.raw()
    removals = removal.map { Removals($0) }
    self.time = time
    if let removals {
      // The pointer stays good: this object holds the listener until the C cache is gone.
      unsafe raw.context = Unmanaged.passUnretained(removals).toOpaque()
      unsafe raw.on_removal = { context, key, keyBytes, value, valueBytes, cause in
        guard let context = unsafe context else { return }
        let removals = unsafe Unmanaged<Removals>.fromOpaque(context).takeUnretainedValue()
        let isClosing = removals.isClosing.load(ordering: .relaxed)
        // Safe: both are initialized bytes that stay for the call, which the spans do not outlive.
        unsafe removals.tell(
          RawSpan(_unsafeStart: key, byteCount: keyBytes),
          RawSpan(_unsafeStart: value, byteCount: valueBytes),
          isClosing ? nil : CacheRemovalCause(cause))
      }
    }
    var cache: OpaquePointer?
    var error = hf_error()
    let status = unsafe hf_cache_create(&raw, time.now, nil, &cache, &error)
    guard status == HF_OK, let cache = unsafe cache else { throw HoldfastError(error) }
    unsafe pointer = cache
  }

  deinit {
    if let removals {
      // Only clearing tells of what is still there.
      removals.isClosing.store(true, ordering: .relaxed)
      unsafe hf_cache_clear(pointer, 0)
    }
    unsafe hf_cache_destroy(pointer)
  }

  // MARK: - Reading

  /// What a cache knows of a key.
  @usableFromInline enum Answer: Sendable {
    case miss, hit, stale, negative, noRoom

    init(_ raw: hf_cache_answer) {
      switch raw {
      case HF_CACHE_HIT: self = .hit
      case HF_CACHE_STALE: self = .stale
      case HF_CACHE_NEGATIVE: self = .negative
      case HF_CACHE_NO_ROOM: self = .noRoom
      default: self = .miss
      }
    }

    @inlinable var hasValue: Bool { self == .hit || self == .stale }
  }

  @usableFromInline struct Found: Sendable {
    @usableFromInline let answer: Answer
    @usableFromInline let byteCount: Int

    @inlinable init(answer: Answer, byteCount: Int) {
      self.answer = answer
      self.byteCount = byteCount
    }
  }

  /// Copies a value.
  @usableFromInline func copy(
    _ key: RawSpan, into buffer: UnsafeMutableRawBufferPointer
  ) -> Found {
    var found = hf_cache_found()
    let answer = unsafe _withUnprotectedUnsafeMutablePointer(to: &found) { found in
      unsafe key.withUnsafeBytes { key in
        unsafe hf_cache_get(
          pointer, key.baseAddress, key.count, time.now, buffer.baseAddress, buffer.count, found)
      }
    }
    return Found(answer: Answer(answer), byteCount: found.value_bytes)
  }

  /// As `copy`, but it does not count as a lookup.
  @usableFromInline func copyUncounted(
    _ key: RawSpan, into buffer: UnsafeMutableRawBufferPointer
  ) -> Found {
    unsafe copyUncounted(key, into: buffer, at: time.now)
  }

  /// Apart: a function that differs from `copy` in nothing but what it calls would be made one with
  /// it, and each get would pay for finding out which of the two it is.
  @inline(never) private func copyUncounted(
    _ key: RawSpan, into buffer: UnsafeMutableRawBufferPointer, at now: UInt64
  ) -> Found {
    var found = hf_cache_found()
    let answer = unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_peek(
        pointer, key.baseAddress, key.count, now, buffer.baseAddress, buffer.count, &found)
    }
    return Found(answer: Answer(answer), byteCount: found.value_bytes)
  }

  /// Lends a copy of a value for the time of the call, without a lock.
  ///
  /// - Parameter isCounted: whether it was counted as a lookup already.
  @inlinable func withCopy<Result, Failure: Error>(
    _ key: RawSpan, isCounted: Bool = false, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    var isCounted = isCounted
    var room = 1024
    while true {
      var outcome: Swift.Result<Result, Failure>?
      let found = unsafe withUnsafeTemporaryAllocation(byteCount: room, alignment: 16) { buffer in
        let found = unsafe isCounted ? copyUncounted(key, into: buffer) : copy(key, into: buffer)
        if found.answer.hasValue {
          // Safe: so many bytes were copied, and the span ends with the closure.
          let value = unsafe RawSpan(
            _unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<found.byteCount]))
          do throws(Failure) {
            outcome = .success(try body(value))
          } catch {
            outcome = .failure(error)
          }
        }
        return found
      }
      if found.answer != .noRoom { return try outcome?.get() }
      isCounted = true
      room = found.byteCount
    }
  }

  /// Takes hold of the object whose address the value is.
  ///
  /// Safe: the cache owns a reference for as long as the entry is there, and gives it up only when it
  /// tells of the removal, after the entry has left under the lock of its part. That lock is held
  /// here, so the entry is there, and the object is retained before anybody could release it.
  private static let retain: hf_cache_borrower = { context, value, count in
    guard unsafe count == MemoryLayout<UnsafeRawPointer>.size, let context = unsafe context else {
      return
    }
    let object = unsafe value.loadUnaligned(as: UnsafeRawPointer.self)
    _ = unsafe Unmanaged<AnyObject>.fromOpaque(object).retain()
    unsafe context.storeBytes(of: object, as: UnsafeRawPointer?.self)
  }

  /// The object of a key, for caches whose values are objects.
  @usableFromInline func object(_ key: RawSpan) -> (Answer, AnyObject?) {
    var object: UnsafeRawPointer?
    let answer = unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_visit(
        pointer, key.baseAddress, key.count, time.now, Self.retain, &object, nil)
    }
    return unsafe (Answer(answer), Self.taken(object))
  }

  /// Safe: `retain` has added the reference that is consumed here.
  private static func taken(_ object: UnsafeRawPointer?) -> AnyObject? {
    unsafe object.map { unsafe Unmanaged<AnyObject>.fromOpaque($0).takeRetainedValue() }
  }

  /// Whether there is a value, without counting as a lookup.
  func contains(_ key: RawSpan) -> Bool {
    let answer = unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_peek(pointer, key.baseAddress, key.count, time.now, nil, 0, nil)
    }
    return answer != HF_CACHE_MISS && answer != HF_CACHE_NEGATIVE
  }

  // MARK: - Writing

  /// Puts bytes, or no bytes for what is negative.
  ///
  /// - Throws: whatever is thrown, the value was not put.
  func insert(
    _ key: RawSpan, _ value: RawSpan, negative: Bool = false, _ options: CacheEntryOptions
  ) throws(HoldfastError) {
    var error = hf_error()
    let status = unsafe key.withUnsafeBytes { key in
      unsafe value.withUnsafeBytes { value in
        unsafe options.withRaw(negative: negative) { raw in
          var raw = unsafe raw
          return unsafe hf_cache_put(
            pointer, key.baseAddress, key.count, value.baseAddress, value.count, time.now, &raw,
            &error)
        }
      }
    }
    guard status == HF_OK else { throw HoldfastError(error) }
  }

  @usableFromInline func remove(_ key: RawSpan) -> Bool {
    unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_remove(pointer, key.baseAddress, key.count, time.now)
    }
  }

  // MARK: - Loading

  /// A load that was reserved, or that somebody else has.
  struct Load: Sendable {
    enum Role: Sendable { case none, loader, waiter }

    var raw = hf_cache_load()

    var number: UInt64 { raw.number }
    var role: Role {
      switch raw.role {
      case HF_CACHE_LOADER: .loader
      case HF_CACHE_WAITER: .waiter
      default: .none
      }
    }
  }

  /// What is good enough for who asks.
  enum Want: Sendable {
    /// That there is none is an answer.
    case answer
    /// A value: that there is none is something to load.
    case value

    fileprivate var raw: hf_cache_want {
      self == .value ? HF_CACHE_WANT_VALUE : HF_CACHE_WANT_ANSWER
    }
  }

  /// As `copy`, and says who loads.
  func reserve(
    _ key: RawSpan, _ want: Want, into buffer: UnsafeMutableRawBufferPointer, _ load: inout Load
  ) -> Answer {
    let answer = unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_reserve(
        pointer, key.baseAddress, key.count, time.now, want.raw, buffer.baseAddress, buffer.count,
        nil, &load.raw)
    }
    return Answer(answer)
  }

  /// As `object`, and says who loads.
  func reserveObject(
    _ key: RawSpan, _ want: Want, _ load: inout Load
  ) -> (Answer, AnyObject?) {
    var object: UnsafeRawPointer?
    let answer = unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_reserve_visit(
        pointer, key.baseAddress, key.count, time.now, want.raw, Self.retain, &object, nil,
        &load.raw)
    }
    return unsafe (Answer(answer), Self.taken(object))
  }

  /// What became of a loaded value.
  enum Published {
    case put
    /// It is out of date, or not the first.
    case cancelled
    /// It is true, but there was no room, or it has too many tags and namespaces.
    case refused
  }

  /// Ends a load with a value. Unless it was put, nothing of it is kept.
  func publish(
    _ key: RawSpan, _ value: RawSpan, negative: Bool, _ options: CacheEntryOptions, _ load: Load
  ) -> Published {
    var load = load.raw
    let status = unsafe key.withUnsafeBytes { key in
      unsafe value.withUnsafeBytes { value in
        unsafe options.withRaw(negative: negative) { raw in
          var raw = unsafe raw
          return unsafe hf_cache_publish(
            pointer, &load, key.baseAddress, key.count, value.baseAddress, value.count, time.now,
            &raw, nil)
        }
      }
    }
    return status == HF_OK ? .put : status == HF_ERROR_LOAD_CANCELLED ? .cancelled : .refused
  }

  /// Ends a load with a value that is not kept; what is under the key goes.
  ///
  /// - Returns: whether the value is true. Then it may be given to those who wait.
  func handOver(_ key: RawSpan, _ options: CacheEntryOptions, _ load: Load) -> Bool {
    var load = load.raw
    return unsafe key.withUnsafeBytes { key in
      unsafe options.withRaw(negative: false) { raw in
        var raw = unsafe raw
        return unsafe hf_cache_hand_over(
          pointer, &load, key.baseAddress, key.count, time.now, &raw)
      }
    }
  }

  func abandon(_ key: RawSpan, _ load: Load) {
    var load = load.raw
    unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_abandon(pointer, &load, key.baseAddress, key.count, time.now)
    }
  }

  func isLoading(_ key: RawSpan, _ load: Load) -> Bool {
    var load = load.raw
    return unsafe key.withUnsafeBytes { key in
      unsafe hf_cache_is_loading(pointer, &load, key.baseAddress, key.count)
    }
  }

  // MARK: - Invalidating and handling

  func invalidate(_ tag: CacheTag) { unsafe hf_cache_invalidate_tag(pointer, tag.number) }

  func declareNamespace(_ prefix: RawSpan) throws(HoldfastError) {
    var error = hf_error()
    let status = unsafe prefix.withUnsafeBytes { prefix in
      unsafe hf_cache_declare_namespace(
        pointer, prefix.assumingMemoryBound(to: CChar.self).baseAddress, prefix.count, &error)
    }
    guard status == HF_OK else { throw HoldfastError(error) }
  }

  func invalidateNamespace(_ prefix: RawSpan) -> Bool {
    unsafe prefix.withUnsafeBytes { prefix in
      unsafe hf_cache_invalidate_namespace(
        pointer, prefix.assumingMemoryBound(to: CChar.self).baseAddress, prefix.count)
    }
  }

  func removeAll() { unsafe hf_cache_clear(pointer, time.now) }

  func resize(maxEntries: Int, maxBytes: Int?) throws(HoldfastError) {
    let limits = try CacheOptions.rawLimits(maxEntries: maxEntries, maxBytes: maxBytes)
    var error = hf_error()
    let status = unsafe hf_cache_resize(pointer, limits.entries, limits.bytes, time.now, &error)
    guard status == HF_OK else { throw HoldfastError(error) }
  }

  func maintain(budget: Int) -> Int {
    unsafe hf_cache_maintain(pointer, time.now, max(0, budget))
  }

  var statistics: CacheStatistics { CacheStatistics(unsafe hf_cache_statistics_read(pointer)) }
}
