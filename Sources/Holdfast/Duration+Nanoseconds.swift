extension Duration {
  init(nanoseconds: UInt64) {
    self = .nanoseconds(Int64(clamping: nanoseconds))
  }

  /// In nanoseconds, rounded up; `nil` when negative or beyond 584 years.
  package var wholeNanoseconds: UInt64? { whole(perSecond: 1_000_000_000) }

  /// In milliseconds, rounded up; `nil` when negative or out of range.
  package var wholeMilliseconds: UInt64? { whole(perSecond: 1000) }

  private func whole(perSecond units: UInt64) -> UInt64? {
    // What has more seconds than 64 bits cannot be asked for its components.
    guard self >= .zero, self <= .seconds(Int64.max) else { return nil }
    let (seconds, attoseconds) = components
    let unit = 1_000_000_000_000_000_000 / units
    let (full, fullOverflow) = UInt64(seconds).multipliedReportingOverflow(by: units)
    let (sum, overflow) = full.addingReportingOverflow(
      (UInt64(attoseconds) + unit - 1) / unit)
    return fullOverflow || overflow ? nil : sum
  }
}
