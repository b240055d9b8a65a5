import CHoldfast

extension RateLimiter {
  /// How often something may happen, and what becomes of whoever comes too early.
  ///
  /// What is out of range is refused by whoever takes the options, with
  /// ``HoldfastError/Code/invalidArgument``.
  public struct Options: Sendable, Hashable {
    /// Permits that come in each period, evenly: 1 to 1,000,000,000, by default 100.
    public var permits = 100
    /// The period: 1 µs to a day, by default a second. At most a permit a nanosecond may come.
    public var per = Duration.seconds(1)
    /// How many permits may be taken at once after nobody took any: 1 to 1,000,000,000; `nil`, by
    /// default: as many as come in a period. They come in within a year.
    public var burst: Int?
    /// Who would have to wait longer for a permit is refused: 0 to a year. Zero, by default: nobody
    /// waits.
    public var longestWait = Duration.zero

    /// The defaults. Change what you need.
    public init() {}

    /// With values of your own.
    public init(
      permits: Int = 100, per: Duration = .seconds(1), burst: Int? = nil,
      longestWait: Duration = .zero
    ) {
      self.permits = permits
      self.per = per
      self.burst = burst
      self.longestWait = longestWait
    }
  }
}

extension RateLimiter.Options {
  /// As the core takes them, which checks their ranges; and the longest wait in nanoseconds.
  func raw() throws(HoldfastError) -> (hf_token_bucket_options, longestWait: UInt64) {
    guard let longestWait = longestWait.wholeNanoseconds, self.longestWait <= .seconds(31_536_000)
    else {
      throw HoldfastError(
        invalidArgument: "longestWait is \(self.longestWait); it may be 0 to 365 days")
    }
    var raw = hf_token_bucket_options()
    raw.tokens = try number(permits, "permits")
    guard let period = per.wholeNanoseconds else {
      throw HoldfastError(invalidArgument: "per is \(per); it may be 1 us to a day")
    }
    raw.period_ns = period
    if let burst {
      raw.burst = try number(burst, "burst")
      // To the core it is as many as come in a period.
      if burst == 0 { throw HoldfastError(invalidArgument: "burst is 0; it must be 1 or more") }
    }
    return (raw, longestWait)
  }

  /// What the core calls them.
  static let names: [(core: String, own: String)] = [
    ("tokens", "permits"), ("period_ns", "per"), ("burst", "burst"),
  ]

  private func number(_ value: Int, _ name: String) throws(HoldfastError) -> UInt64 {
    guard let number = UInt64(exactly: value) else {
      throw HoldfastError(invalidArgument: "\(name) is \(value); it must be 1 or more")
    }
    return number
  }
}
