#if SwiftMetrics
  internal import CoreMetrics

  /// Metrics as swift-metrics takes them: they go where `MetricsSystem` was set up to send them, so set
  /// it up first.
  ///
  /// Counters become `FloatingPointCounter`s, gauges `Meter`s and histograms aggregating `Recorder`s; tags
  /// are dimensions, and the name is the label. swift-metrics has no help texts and no buckets: they are
  /// dropped. It is there with the package trait `SwiftMetrics`:
  ///
  /// ```swift
  /// .package(url: "…/holdfast.git", from: "…", traits: ["SwiftMetrics"])
  /// ```
  public struct SwiftMetricsSink: MetricsSink {
    /// A sink that writes to swift-metrics.
    ///
    /// - Complexity: O(1).
    public init() {}

    /// A `FloatingPointCounter`.
    public func makeCounter(
      _ name: String, help: String, tags: [(String, String)]
    ) -> any MetricsCounter {
      SwiftMetricsCounter(counter: FloatingPointCounter(label: name, dimensions: tags))
    }

    /// A `Meter`.
    public func makeGauge(
      _ name: String, help: String, tags: [(String, String)]
    ) -> any MetricsGauge {
      SwiftMetricsGauge(meter: Meter(label: name, dimensions: tags))
    }

    /// A `Recorder` that aggregates.
    public func makeHistogram(
      _ name: String, help: String, tags: [(String, String)], buckets: [Double]
    ) -> any MetricsHistogram {
      SwiftMetricsHistogram(recorder: Recorder(label: name, dimensions: tags, aggregate: true))
    }
  }

  private struct SwiftMetricsCounter: MetricsCounter {
    let counter: FloatingPointCounter

    func add(_ amount: Double) {
      // Some backends end the process for a counter that goes back.
      if amount > 0 { counter.increment(by: amount) }
    }
  }

  private struct SwiftMetricsGauge: MetricsGauge {
    let meter: Meter

    func set(_ value: Double) { meter.set(value) }

    func add(_ amount: Double) {
      if amount < 0 { meter.decrement(by: -amount) } else { meter.increment(by: amount) }
    }
  }

  private struct SwiftMetricsHistogram: MetricsHistogram {
    let recorder: Recorder

    func record(_ value: Double) { recorder.record(value) }
  }
#endif
