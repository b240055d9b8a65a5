import BenchHarness
import CHoldfast
import Foundation
import Holdfast

/// Hits as in the row cache/hit/1t of bench/bench_cache.c, through the Swift types, which read the
/// clock themselves, and in C, which is told the time.
@safe final class CacheHits {
  struct Key: CacheKey {
    var raw: bench_key

    func withKeyBytes<Result, Failure: Error>(
      _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      // Safe: an array of characters has no padding.
      try unsafe withUnsafeBytes(of: raw) { bytes throws(Failure) -> Result in
        try unsafe body(bytes.bytes)
      }
    }
  }

  /// What is too large for the cache's own memory, or has references, is an object.
  enum Kind: String {
    case bytes, number, object
  }

  private let kind: Kind
  private let bytes: ByteCache
  private let numbers: Cache<Key, UInt64>
  private let objects: Cache<Key, [UInt64]>
  private let draws: UnsafeMutablePointer<bench_key>
  private let cCache: OpaquePointer
  private var walk = bench_walk()
  private var referenceWalk = bench_walk()
  static let operations = 1 << 15

  init(_ kind: String) throws {
    guard let kind = Kind(rawValue: kind), let draws = unsafe bench_draw_zipf(BENCH_CACHE_ENTRIES),
      let cCache = unsafe bench_cache_create(HF_CACHE_S3FIFO, BENCH_CACHE_ENTRIES, true, nil),
      unsafe bench_cache_fill(cCache, BENCH_CACHE_ENTRIES)
    else { throw SetUpFailed.status(HF_ERROR_OUT_OF_MEMORY) }
    self.kind = kind
    unsafe self.draws = unsafe draws
    unsafe self.cCache = unsafe cCache
    var options = CacheOptions()
    options.policy = .s3fifo
    // As the C row: with room to spare for parts that are filled unevenly.
    options.maxEntries = Int(BENCH_CACHE_ENTRIES) * 9 / 8
    options.ttl = .seconds(100_000)
    bytes = try ByteCache(options)
    numbers = try Cache(options)
    objects = try Cache(options)
    for number in 0..<BENCH_CACHE_ENTRIES {
      var raw = bench_key_of(number)
      let value = unsafe bench_key_value(&raw)
      let key = Key(raw: raw)
      switch kind {
      case .bytes:
        try unsafe withUnsafeBytes(of: value) { try unsafe bytes.insert($0.bytes, forKey: key) }
      case .number: try numbers.insert(value, forKey: key)
      case .object: try objects.insert([value], forKey: key)
      }
    }
    // Once over all draws, as after a while: more uses an entry does not count.
    for _ in 0..<Int(BENCH_DRAWS) / CacheHits.operations where run() != CacheHits.operations {
      throw SetUpFailed.status(HF_ERROR_IO)
    }
  }

  deinit {
    unsafe hf_cache_destroy(cCache)
    unsafe free(draws)
  }

  /// How many answers were right: all.
  func run() -> UInt64 {
    let first = walk.next
    _ = unsafe bench_walk_on(&walk, draws, CacheHits.operations)
    var right: UInt64 = 0
    for place in first..<first + CacheHits.operations {
      let key = unsafe Key(raw: draws[place])
      let expected = unsafe bench_key_value(draws + place)
      let found: UInt64?
      switch kind {
      case .bytes:
        var value: UInt64 = 0
        let copied = unsafe withUnsafeMutableBytes(of: &value) { room in
          var span = unsafe room.mutableBytes
          return bytes.copyValue(forKey: key, into: &span)
        }
        if case .hit(8) = copied { found = value } else { found = nil }
      case .number: found = numbers[key]
      case .object: found = objects[key]?.first
      }
      if found == expected { right += 1 }
    }
    return right
  }

  func runC() -> UInt64 {
    unsafe bench_cache_hits(cCache, &referenceWalk, draws, CacheHits.operations)
  }
}
