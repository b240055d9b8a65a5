import CHoldfast
import Foundation
import Holdfast
import Synchronization

/// Parts of pipelines by themselves, each beside the least that it could take.
@safe final class ResilienceParts {
  private let bulkhead: Bulkhead
  private let limiter: RateLimiter
  private let bucket: OpaquePointer
  private let places = Mutex(0)
  static let operations = 1 << 16

  init() throws {
    bulkhead = try Bulkhead("benchmark")
    var options = RateLimiter.Options()
    options.permits = 1_000_000_000
    limiter = try RateLimiter("benchmark", options)
    var cOptions = hf_token_bucket_options(
      tokens: 1_000_000_000, period_ns: 1_000_000_000, burst: 1_000_000_000)
    var created: OpaquePointer?
    try check(unsafe hf_token_bucket_create(&cOptions, preciseNow(), nil, &created, nil))
    unsafe bucket = try unwrap(created)
  }

  deinit {
    unsafe hf_token_bucket_destroy(bucket)
  }

  // MARK: - Bulkheads

  func enterAndLeave() throws -> UInt64 {
    var admitted: UInt64 = 0
    for _ in 0..<ResilienceParts.operations {
      if let permit = bulkhead.tryAcquire() {
        admitted += 1
        permit.release()
      }
    }
    return admitted
  }

  /// What counts under a lock.
  func countUpAndDown() throws -> UInt64 {
    var admitted: UInt64 = 0
    for _ in 0..<ResilienceParts.operations {
      let isFree = places.withLock { places in
        guard places < 25 else { return false }
        places += 1
        return true
      }
      guard isFree else { continue }
      admitted += 1
      places.withLock { $0 -= 1 }
    }
    return admitted
  }

  // MARK: - Rate limiters

  func takeFromLimiter() throws -> UInt64 {
    for _ in 0..<ResilienceParts.operations { try limiter.take() }
    return UInt64(ResilienceParts.operations)
  }

  func takeFromBucket() throws -> UInt64 {
    var taken: UInt64 = 0
    for _ in 0..<ResilienceParts.operations
    where unsafe hf_token_bucket_take(bucket, 1, preciseNow(), nil) {
      taken += 1
    }
    return taken
  }
}

private func preciseNow() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
    &+ UInt64(truncatingIfNeeded: time.tv_nsec)
}
