import CHoldfast
import Synchronization

/// By what a condition is known within this process: 128 bits of a hash with a seed of its own, worked
/// out when they are first asked for.
struct ConditionDigest: ~Copyable {
  /// Random, so that nobody outside can look for values of the same digest.
  static let seed = UInt64.random(in: .min ... .max)

  private let low = Atomic<UInt64>(0)
  private let high = Atomic<UInt64>(0)
  private let isKnown = Atomic(false)

  borrowing func value(of condition: borrowing Condition) -> hf_digest {
    // Acquiring: who sees that it is known sees both halves; pairs with the release below. Two tasks
    // may work it out at once, and store the same.
    if isKnown.load(ordering: .acquiring) {
      return hf_digest(low: low.load(ordering: .relaxed), high: high.load(ordering: .relaxed))
    }
    let digest = unsafe hf_condition_digest(condition.pointer, Self.seed)
    low.store(digest.low, ordering: .relaxed)
    high.store(digest.high, ordering: .relaxed)
    isKnown.store(true, ordering: .releasing)
    return digest
  }
}
