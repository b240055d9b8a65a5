/// A bulkhead did not admit a call: as many were under way, and waiting, as may be; or it waited as
/// long as it may.
///
/// What was to be called was not called.
public struct BulkheadFullError: Error, Sendable, Hashable {
  /// The name of the bulkhead.
  public let bulkhead: String

  /// How many calls may be under way at once.
  public let limit: Int

  /// How many others were waiting at that moment.
  public let waiting: Int

  /// An error as a bulkhead throws it, for the tests of code that handles it.
  public init(bulkhead: String, limit: Int, waiting: Int) {
    self.bulkhead = bulkhead
    self.limit = limit
    self.waiting = waiting
  }

  /// Always ``HoldfastError/Code/bulkheadFull``.
  public var code: HoldfastError.Code { .bulkheadFull }
}

extension BulkheadFullError: CustomStringConvertible {
  /// The code, the name and the figures.
  public var description: String {
    "\(code): the bulkhead '\(bulkhead.onOneLine)' is full: "
      + "\(limit) under way at most, \(waiting) waiting"
  }
}
