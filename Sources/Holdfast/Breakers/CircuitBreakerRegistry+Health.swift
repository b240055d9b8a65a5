extension CircuitBreakerRegistry {
  /// The breakers of a registry together.
  public struct Health: Sendable, Hashable {
    /// In what condition the things are that are called.
    public enum Condition: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
      /// All is well.
      case healthy
      /// Some breaker is degraded, and none is open.
      case degraded
      /// Some breaker is open, by itself or by hand.
      case unhealthy

      /// Its name.
      public var description: String { rawValue }
    }

    /// All in one word.
    public let overall: Condition
    /// The names of the breakers that are open or forced open, sorted.
    public let open: [String]
    /// The names of those that are half-open, or closed and near to being opened, each by its own
    /// options: ``CircuitBreaker/Metrics/isDegraded``. Sorted.
    public let degraded: [String]
    /// Each breaker's state, failure rate, calls and other figures. Of breakers whose names are equal
    /// as strings, but not in their bytes, this has one; all else here has them all.
    public let breakers: [String: CircuitBreaker.Metrics]

    /// Calls that all of them together have counted.
    public let calls: Int
    /// Of these, the failures.
    public let failures: Int
    /// Calls that were not permitted.
    public let rejected: Int
    /// How often they opened.
    public let opens: Int

    init(of found: [(name: String, metrics: CircuitBreaker.Metrics)]) {
      // One that was evicted and made again meanwhile may have been met twice.
      let each = Dictionary(found.map { (ByteText($0.name), $0.metrics) }) { $1 }
      func total(_ figure: (CircuitBreaker.Metrics) -> Int) -> Int {
        each.values.reduce(0) { $0 + figure($1) }
      }
      calls = total(\.calls)
      failures = total(\.failures)
      rejected = total(\.rejected)
      opens = total(\.opens)
      breakers = Dictionary(each.map { ($0.key.text, $0.value) }) { $1 }
      open = each.filter { $0.value.openGauge == 1 }.keys.map(\.text).sorted()
      degraded = each.filter { $0.value.isDegraded }.keys.map(\.text).sorted()
      overall = open.isEmpty ? (degraded.isEmpty ? .healthy : .degraded) : .unhealthy
    }
  }
}
