extension Bulkhead {
  /// How many calls may be under way at once, and what becomes of those that come beyond.
  ///
  /// What is out of range is refused by whoever takes the options, with
  /// ``HoldfastError/Code/invalidArgument``.
  public struct Options: Sendable, Hashable {
    /// How many calls may be under way at once: 1 to 1,000,000, by default 25.
    public var limit = 25
    /// How many more may wait: 0 to 1,000,000, by default 0, which refuses at once.
    public var queue = 0
    /// How long a call waits before it is refused; zero refuses at once. By default (`nil`) as long
    /// as it takes.
    public var longestWait: Duration?

    /// The defaults. Change what you need.
    public init() {}

    /// So many calls at once, with so many more that wait.
    public init(limit: Int, queue: Int = 0, longestWait: Duration? = nil) {
      self.limit = limit
      self.queue = queue
      self.longestWait = longestWait
    }
  }
}

extension Bulkhead.Options {
  /// Checks the ranges.
  ///
  /// - Returns: the longest wait in nanoseconds; `.max`: as long as it takes.
  @discardableResult func check() throws(HoldfastError) -> UInt64 {
    guard (1...Bulkhead.most).contains(limit) else { throw outOfRange(limit, "limit", from: 1) }
    guard (0...Bulkhead.most).contains(queue) else { throw outOfRange(queue, "queue", from: 0) }
    guard let longestWait else { return .max }
    guard let nanoseconds = longestWait.wholeNanoseconds else {
      throw HoldfastError(
        invalidArgument: "longestWait is \(longestWait); it must be zero or more, or nil")
    }
    return nanoseconds
  }

  private func outOfRange(_ value: Int, _ name: String, from least: Int) -> HoldfastError {
    HoldfastError(
      invalidArgument: "\(name) is \(value); it must be \(least) to \(Bulkhead.most)")
  }
}

extension Bulkhead {
  /// Of permits, and of those who wait.
  fileprivate static let most = 1_000_000
}
