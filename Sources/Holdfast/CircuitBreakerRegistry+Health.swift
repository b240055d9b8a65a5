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
    /// Each breaker's state, failure rate, calls and other figures.
    public let breakers: [String: CircuitBreaker.Metrics]

    /// Calls that all of them together have counted.
    public var calls: Int { total(\.calls) }
    /// Of these, the failures.
    public var failures: Int { total(\.failures) }
    /// Calls that were not permitted.
    public var rejected: Int { total(\.rejected) }
    /// How often they opened.
    public var opens: Int { total(\.opens) }

    private func total(_ figure: (CircuitBreaker.Metrics) -> Int) -> Int {
      breakers.values.reduce(0) { $0 + figure($1) }
    }

    init(of found: [(name: String, metrics: CircuitBreaker.Metrics)]) {
      // One that was evicted and made again meanwhile may have been met twice.
      breakers = Dictionary(found.map { ($0.name, $0.metrics) }) { $1 }
      open = breakers.filter { $0.value.openGauge == 1 }.keys.sorted()
      degraded = breakers.filter { $0.value.isDegraded }.keys.sorted()
      overall = open.isEmpty ? (degraded.isEmpty ? .healthy : .degraded) : .unhealthy
    }
  }
}
