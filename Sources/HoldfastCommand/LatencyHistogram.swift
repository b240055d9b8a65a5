/// Durations in nanoseconds in a fixed amount of memory, from which percentiles are read to within
/// 1.6 %: each power of two is divided into 64 equal parts (after Tene's HdrHistogram).
struct LatencyHistogram {
  private static let partBits = 6
  private static let parts = 1 << partBits

  private var counts = [UInt64](repeating: 0, count: (64 - partBits) * parts)
  private(set) var count: UInt64 = 0

  mutating func record(_ nanoseconds: Nanoseconds) {
    counts[Self.bucket(UInt64(max(0, nanoseconds)))] += 1
    count += 1
  }

  /// The duration that the given share of all does not exceed; `nil` where there are none.
  func percentile(_ share: Double) -> Nanoseconds? {
    if count == 0 { return nil }
    let rank = UInt64((share * Double(count)).rounded(.up))
    var seen: UInt64 = 0
    for (bucket, number) in counts.enumerated() {
      seen += number
      if seen >= max(1, rank) { return Nanoseconds(Self.highest(of: bucket)) }
    }
    return nil
  }

  private static func bucket(_ value: UInt64) -> Int {
    if value < UInt64(parts) { return Int(value) }
    let shift = 63 - value.leadingZeroBitCount - partBits
    return shift * parts + Int(value >> UInt64(shift))
  }

  private static func highest(of bucket: Int) -> UInt64 {
    if bucket < 2 * parts { return UInt64(bucket) }
    let shift = bucket / parts - 1
    let start = UInt64(bucket - shift * parts) << UInt64(shift)
    return start + (1 << UInt64(shift)) - 1
  }
}
