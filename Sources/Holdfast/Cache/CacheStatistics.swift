import CHoldfast

/// Why an entry left a cache.
public enum CacheRemovalCause: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  /// There were as many entries as there may be.
  case evictedByCount = "evicted_by_count"
  /// Entries were charged as many bytes as they may be.
  case evictedByBytes = "evicted_by_bytes"
  /// Its TTL was over.
  case expired
  /// Another value came under its key, or one that was too large to be put, or that was loaded with a
  /// TTL of zero or less.
  case replaced
  /// It was removed by its key, or all were.
  case removed
  /// Its tag or its namespace was invalidated.
  case invalidated

  /// The name that logs use, such as `evicted_by_count`.
  public var description: String { rawValue }

  init(_ raw: hf_cache_cause) {
    switch raw {
    case HF_CACHE_EVICTED_BY_COUNT: self = .evictedByCount
    case HF_CACHE_EVICTED_BY_BYTES: self = .evictedByBytes
    case HF_CACHE_EXPIRED: self = .expired
    case HF_CACHE_REPLACED: self = .replaced
    case HF_CACHE_REMOVED: self = .removed
    default: self = .invalidated
    }
  }

  fileprivate var raw: hf_cache_cause {
    switch self {
    case .evictedByCount: HF_CACHE_EVICTED_BY_COUNT
    case .evictedByBytes: HF_CACHE_EVICTED_BY_BYTES
    case .expired: HF_CACHE_EXPIRED
    case .replaced: HF_CACHE_REPLACED
    case .removed: HF_CACHE_REMOVED
    case .invalidated: HF_CACHE_INVALIDATED
    }
  }
}

/// The figures of a cache: sums since it was made. Each is exact, but they are not of one moment.
public struct CacheStatistics: Sendable, Hashable {
  /// Lookups that found a value.
  public let hits: Int
  /// Lookups that found a value past its soft TTL.
  public let staleHits: Int
  /// Lookups that found that there is no value.
  public let negativeHits: Int
  /// Lookups that found nothing.
  public let misses: Int
  /// Values that were put, loaded ones not counted apart.
  public let puts: Int
  /// Values that were refused because they were too large.
  public let refused: Int
  /// Loads whose value was put, or is not kept because its TTL is zero or less.
  public let loads: Int
  /// Loads whose value was out of date when it came.
  public let cancelledLoads: Int
  /// Loads that failed.
  public let failedLoads: Int
  /// How long all loads took together.
  public let loadTime: Duration
  /// How many entries went, by cause.
  public let removals: [CacheRemovalCause: Int]
  /// Entries now.
  public let entries: Int
  /// Bytes that they are charged now.
  public let chargedBytes: Int
  /// All memory that the cache holds now, the values of a ``Cache`` that are objects of their own not
  /// counted.
  public let allocatedBytes: Int

  /// Lookups of all kinds.
  public var lookups: Int { hits + staleHits + negativeHits + misses }

  /// The share of lookups that found something, 0 to 1.
  public var hitRate: Double {
    lookups == 0 ? 0 : Double(lookups - misses) / Double(lookups)
  }

  init(_ raw: hf_cache_statistics) {
    hits = Int(clamping: raw.hits)
    staleHits = Int(clamping: raw.stale_hits)
    negativeHits = Int(clamping: raw.negative_hits)
    misses = Int(clamping: raw.misses)
    puts = Int(clamping: raw.puts)
    refused = Int(clamping: raw.refused)
    loads = Int(clamping: raw.loads)
    cancelledLoads = Int(clamping: raw.loads_cancelled)
    failedLoads = Int(clamping: raw.loads_abandoned)
    loadTime = Duration(nanoseconds: raw.load_ns)
    removals = unsafe withUnsafeBytes(of: raw.removals) { bytes in
      let counts = unsafe bytes.bindMemory(to: UInt64.self)
      return Dictionary(
        uniqueKeysWithValues: CacheRemovalCause.allCases.map { cause in
          (cause, Int(clamping: unsafe counts[Int(cause.raw.rawValue)]))
        })
    }
    entries = Int(clamping: raw.entries)
    chargedBytes = Int(clamping: raw.charged_bytes)
    allocatedBytes = Int(clamping: raw.allocated_bytes)
  }
}
