/// Where metrics go: a factory of counters, gauges and histograms.
///
/// A series is a name with tags. Whoever reports makes its series once, when it is set up, and writes
/// to what it got from then on; so a sink does its look-ups, locks and allocations while a series is
/// made, and a sample can be as cheap as an atomic addition.
///
/// ```swift
/// let failures = sink.makeCounter(
///   "jobs_failed_total", help: "Jobs that failed.", tags: [("queue", "mail")])
/// failures.add()
/// ```
///
/// Names are those of Prometheus: letters, digits and `_`, in the base unit, counters with `_total`
/// at the end. Whoever makes the same series again, with the tags in any order, adds to the one that
/// is there. A sink does not throw: a series that it cannot keep (a name that it does not take, one
/// that is there already as another kind, too many) it drops, and says so in its own way.
///
/// Any number of tasks may use a sink, and what it makes, at once. None of the functions waits, nor
/// calls whoever reports: they may be called with a lock held.
public protocol MetricsSink: Sendable {
  /// Makes what counts events.
  ///
  /// - Parameters:
  ///   - name: such as `resilience_attempts_total`.
  ///   - help: one sentence on what is counted. A sink that shows none ignores it.
  ///   - tags: names and values, such as `("operation", "user_lookup")`. Each name once.
  func makeCounter(
    _ name: String, help: String, tags: [(String, String)]
  ) -> any MetricsCounter

  /// Makes what holds a value that goes up and down; 0 until it is set.
  ///
  /// - Parameters:
  ///   - name: such as `resilience_abandoned`.
  ///   - help: one sentence on what the value is.
  ///   - tags: names and values. Each name once.
  func makeGauge(
    _ name: String, help: String, tags: [(String, String)]
  ) -> any MetricsGauge

  /// Makes what keeps how values are spread.
  ///
  /// - Parameters:
  ///   - name: such as `resilience_attempt_seconds`.
  ///   - help: one sentence on what the values are.
  ///   - tags: names and values. Each name once.
  ///   - buckets: upper bounds, rising, that suit the values; a last one without bound is always
  ///     there. Empty: whichever the sink has. A sink that does not count in buckets ignores them.
  func makeHistogram(
    _ name: String, help: String, tags: [(String, String)], buckets: [Double]
  ) -> any MetricsHistogram
}

extension MetricsSink {
  /// Makes what keeps how values are spread, in whichever buckets the sink has.
  public func makeHistogram(
    _ name: String, help: String, tags: [(String, String)]
  ) -> any MetricsHistogram {
    makeHistogram(name, help: help, tags: tags, buckets: [])
  }
}

/// A sum that only grows, of one series of a ``MetricsSink``.
public protocol MetricsCounter: Sendable {
  /// Adds to the sum. An amount that is negative or not a number is dropped.
  func add(_ amount: Double)
}

extension MetricsCounter {
  /// Adds 1.
  public func add() { add(1) }
}

/// A value that goes up and down, of one series of a ``MetricsSink``.
public protocol MetricsGauge: Sendable {
  /// Replaces the value. Of tasks that set one gauge at the same moment, one comes last, and not
  /// always the one that looked last: where that matters, `add` what changed.
  func set(_ value: Double)

  /// Adds to the value; less than 0 takes away. Nothing is lost when many add at once.
  func add(_ amount: Double)
}

/// How values are spread, of one series of a ``MetricsSink``.
public protocol MetricsHistogram: Sendable {
  /// Records a value.
  func record(_ value: Double)
}
