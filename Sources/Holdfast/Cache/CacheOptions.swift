import CHoldfast

/// How a ``Cache``, a ``ByteCache`` or an ``EvaluationCache`` is.
///
/// What is out of range is refused by whoever takes the options, with
/// ``HoldfastError/Code/invalidArgument``.
///
/// ```swift
/// var options = CacheOptions()
/// options.maxEntries = 100_000
/// options.ttl = .seconds(300)
/// ```
public struct CacheOptions: Sendable, Hashable {
  /// What goes when there is no more room.
  public enum Policy: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// The entry whose last use is the longest ago, exactly. Each hit takes a lock for some ten
    /// nanoseconds.
    case lru
    /// What was not used again, from two queues (S3-FIFO). For many threads and many entries: a hit
    /// on bytes takes no lock.
    case s3fifo

    /// `lru` or `s3fifo`.
    public var description: String { rawValue }
  }

  /// By default ``Policy/lru``.
  public var policy = Policy.lru
  /// 1 to 134,217,728, by default 1,000.
  public var maxEntries = 1000
  /// The most bytes that entries may be charged: what they take of memory, and their costs. `nil`,
  /// the default: no limit.
  public var maxBytes: Int?
  /// How long an entry lives that says nothing else; `nil`, the default: until there is no room.
  public var ttl: Duration?
  /// How long it is remembered that a key has no value; by default 30 s; `nil`: until there is no
  /// room.
  public var negativeTTL: Duration? = .seconds(30)
  /// Whether a hit begins the TTL anew, of entries that are not ``CacheEntryOptions/isFixed``; by
  /// default not.
  public var sliding = false
  /// How long a loader may take before another one may try: 1 ms or more, by default 60 s.
  public var loadLease = Duration.seconds(60)
  /// How many tags can be told apart: a power of 2, 2 to 1,048,576, by default 1,024. Tags that share
  /// a place are invalidated together.
  public var tagPlaces = 1024

  /// The defaults. Change what you need.
  public init() {}
}

extension CacheOptions {
  /// The options as the core takes them, which checks their ranges. The seed is random.
  func raw() throws(HoldfastError) -> hf_cache_options {
    var raw = unsafe hf_cache_options_default()
    unsafe raw.policy = policy == .lru ? HF_CACHE_LRU : HF_CACHE_S3FIFO
    unsafe raw.max_entries = try count(maxEntries, "maxEntries")
    unsafe raw.max_bytes = try byteLimit(maxBytes)
    unsafe raw.ttl_ns = try lifetime(ttl, "ttl")
    unsafe raw.negative_ttl_ns = try lifetime(negativeTTL, "negativeTTL")
    unsafe raw.sliding = sliding
    guard let lease = loadLease.wholeNanoseconds else { throw outOfRange(loadLease, "loadLease") }
    unsafe raw.load_lease_ns = lease
    guard let places = UInt32(exactly: tagPlaces) else { throw outOfRange(tagPlaces, "tagPlaces") }
    unsafe raw.tag_places = places
    unsafe raw.seed = UInt64.random(in: .min ... .max)
    return unsafe raw
  }

  static func rawLimits(
    maxEntries: Int, maxBytes: Int?
  ) throws(HoldfastError) -> (entries: UInt64, bytes: UInt64) {
    (try count(maxEntries, "maxEntries"), try byteLimit(maxBytes))
  }
}

private func count(_ value: Int, _ name: String) throws(HoldfastError) -> UInt64 {
  guard let count = UInt64(exactly: value) else { throw outOfRange(value, name) }
  return count
}

/// For the core 0 is no limit, so as a limit it is refused here.
private func byteLimit(_ value: Int?) throws(HoldfastError) -> UInt64 {
  guard let value else { return 0 }
  guard value > 0 else { throw outOfRange(value, "maxBytes") }
  return UInt64(value)
}

/// Beyond 584 years is for ever.
private func lifetime(_ time: Duration?, _ name: String) throws(HoldfastError) -> UInt64 {
  guard let time else { return UInt64.max }
  guard time > .zero else { throw outOfRange(time, name) }
  return time.wholeNanoseconds ?? UInt64.max
}

private func outOfRange(_ value: some Sendable, _ name: String) -> HoldfastError {
  HoldfastError(HF_ERROR_INVALID_ARGUMENT, message: "\(name) is \(value), which is out of range")
}
