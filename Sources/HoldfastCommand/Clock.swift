import Glibc

/// Nanoseconds on the clock that never jumps.
typealias Nanoseconds = Int64

enum Clock {
  static func monotonic() -> Nanoseconds { read(CLOCK_MONOTONIC) }

  /// Since 1970 in UTC.
  static func wall() -> Nanoseconds { read(CLOCK_REALTIME) }

  private static func read(_ clock: clockid_t) -> Nanoseconds {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// `15s`, `500ms`, `1.5m`, `2h`.
enum DurationText {
  /// - Returns: `nil` when the text is no duration, or not above zero.
  static func parse(_ text: String) -> Nanoseconds? {
    let units: [(suffix: String, nanoseconds: Double)] = [
      ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]
    guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
    let digits = text.dropLast(unit.suffix.count)
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
      let number = Double(digits)
    else { return nil }
    let nanoseconds = (number * unit.nanoseconds).rounded()
    // Three hundred years are more than enough, and leave room for sums.
    guard nanoseconds >= 1, nanoseconds < 1e19 / 2 - 1 else { return nil }
    return Nanoseconds(exactly: nanoseconds)
  }
}
