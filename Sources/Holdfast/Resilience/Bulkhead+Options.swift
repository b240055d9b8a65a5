extension Bulkhead {
  /// How many calls may be under way at once, and what becomes of those that come beyond.
  ///
  /// What is out of range is refused by whoever takes the options, with
  /// ``HoldfastError/Code/invalidArgument``.
  public struct Options: Sendable, Hashable {
    /// Calls that may be under way at once: 1 to 1,000,000, by default 25.
    public var limit = 25
    /// How many more may wait for a place: 0 to 1,000,000; by default none does.
    public var queue = 0
    /// How long each waits at most: 0 to a year; `nil`, by default: as long as it takes.
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
