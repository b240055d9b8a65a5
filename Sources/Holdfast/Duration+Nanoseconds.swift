extension Duration {
  init(nanoseconds: UInt64) {
    self = .nanoseconds(Int64(clamping: nanoseconds))
  }

  /// In nanoseconds, rounded up; `nil` when negative or beyond 584 years.
  package var wholeNanoseconds: UInt64? { whole(perSecond: 1_000_000_000) }

  /// In milliseconds, rounded up; `nil` when negative or out of range.
  package var wholeMilliseconds: UInt64? { whole(perSecond: 1000) }

  private func whole(perSecond units: UInt64) -> UInt64? {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return nil }
    let unit = 1_000_000_000_000_000_000 / units
    let (full, fullOverflow) = UInt64(seconds).multipliedReportingOverflow(by: units)
    let (sum, overflow) = full.addingReportingOverflow(
      (UInt64(attoseconds) + unit - 1) / unit)
    return fullOverflow || overflow ? nil : sum
  }
}
