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

    /// So many permits in each period.
    public init(
      permits: Int, per: Duration = .seconds(1), burst: Int? = nil, longestWait: Duration = .zero
    ) {
      self.permits = permits
      self.per = per
      self.burst = burst
      self.longestWait = longestWait
    }
  }
}
