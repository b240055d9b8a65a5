import BenchHarness
import CHoldfast
import Foundation
import Holdfast

/// Hits in Foundation's NSCache, as in the rows of bench/bench_cache.c, beside Holdfast's cache in C.
/// Its keys are objects, and are made beforehand.
@safe final class NSCachePeer {
  private final class Value {
    let number: UInt64
    init(_ number: UInt64) { self.number = number }
  }

  private let cache = NSCache<NSString, Value>()
  /// What is asked for, in this order; the same as text and as objects.
  private let draws: UnsafeMutablePointer<bench_key>
  private let keys: [NSString]
  private let cCache: OpaquePointer
  private var walk = bench_walk()
  private var referenceWalk = bench_walk()
  private var rivalWalk = bench_walk()
  private var rival: OpaquePointer?
  private let twoThreads: Bool
  static let operations = 1 << 15
  private static let rivalOperations = 16

  init(twoThreads: Bool) throws {
    guard let draws = unsafe bench_draw_zipf(BENCH_CACHE_ENTRIES),
      let cCache = unsafe bench_cache_create(HF_CACHE_S3FIFO, BENCH_CACHE_ENTRIES, true, nil)
    else { throw SetUpFailed.status(HF_ERROR_OUT_OF_MEMORY) }
    unsafe self.draws = unsafe draws
    unsafe self.cCache = unsafe cCache
    self.twoThreads = twoThreads

    let cache = cache
    let objects = (0..<BENCH_CACHE_ENTRIES).map { number in
      var key = bench_key_of(number)
      let object = NSString(string: NSCachePeer.text(of: key))
      cache.setObject(Value(unsafe bench_key_value(&key)), forKey: object)
      return object
    }
    keys = (0..<Int(BENCH_DRAWS)).map { place in
      objects[Int(NSCachePeer.text(of: unsafe draws[place]).suffix(10)) ?? 0]
    }
    guard unsafe bench_cache_fill(cCache, BENCH_CACHE_ENTRIES) else {
      throw SetUpFailed.status(HF_ERROR_OUT_OF_MEMORY)
    }
    rivalWalk.next = Int(BENCH_DRAWS) / 2
    unsafe rival = unsafe try unwrap(
      bench_rival_start(Unmanaged.passUnretained(self).toOpaque()))
  }

  deinit {
    unsafe bench_rival_end(rival)
    unsafe hf_cache_destroy(cCache)
    unsafe free(draws)
  }

  func run() -> UInt64 {
    if twoThreads {
      unsafe bench_rival_does(rival) { data in
        let peer: NSCachePeer = unsafe object(data)
        _ = peer.hits(&peer.rivalWalk, NSCachePeer.rivalOperations)
      }
    }
    return hits(&walk, NSCachePeer.operations)
  }

  func runC() -> UInt64 {
    unsafe bench_rival_does(rival, nil)
    return unsafe bench_cache_hits(cCache, &referenceWalk, draws, NSCachePeer.operations)
  }

  /// How many answers were right: all.
  private func hits(_ walk: inout bench_walk, _ count: Int) -> UInt64 {
    let first = walk.next
    _ = unsafe bench_walk_on(&walk, draws, count)
    var right: UInt64 = 0
    for place in first..<first + count {
      if let value = cache.object(forKey: keys[place]),
        unsafe value.number == bench_key_value(draws + place)
      {
        right += 1
      }
    }
    return right
  }

  private static func text(of key: bench_key) -> String {
    unsafe withUnsafeBytes(of: key) { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
