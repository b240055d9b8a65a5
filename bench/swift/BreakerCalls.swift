import BenchHarness
import CHoldfast
import Foundation
import Holdfast

/// Successful calls through a closed breaker: through the binding, and as a Swift program would
/// write them in C, with the same clock.
@safe final class BreakerCalls {
  private let breaker: CircuitBreaker
  private let cBreaker: OpaquePointer
  static let operations = 1 << 18

  init() throws {
    breaker = try CircuitBreaker("benchmark")
    var created: OpaquePointer?
    try check(unsafe hf_breaker_create(nil, 1, coarseNow(), nil, &created, nil))
    unsafe cBreaker = try unwrap(created)
  }

  deinit { unsafe hf_breaker_destroy(cBreaker) }

  func throughSwift() throws -> UInt64 {
    var sum: UInt64 = 0
    for operation in 0..<BreakerCalls.operations {
      sum &+= try breaker.run { UInt64(operation) }
    }
    return sum
  }

  func throughC() throws -> UInt64 {
    var sum: UInt64 = 0
    for operation in 0..<BreakerCalls.operations {
      var permit = hf_permit()
      var transition = hf_transition()
      let now = coarseNow()
      try check(unsafe hf_breaker_acquire_inline(cBreaker, now, &permit, &transition))
      sum &+= UInt64(operation)
      if unsafe !hf_breaker_settle_inline(cBreaker, &permit, HF_OUTCOME_SUCCESS, now, &transition) {
        throw SetUpFailed.status(HF_ERROR_CIRCUIT_OPEN)
      }
    }
    return sum
  }
}

private func coarseNow() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
    &+ UInt64(truncatingIfNeeded: time.tv_nsec)
}
