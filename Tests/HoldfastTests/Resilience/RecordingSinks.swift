@testable import Holdfast

/// Keeps what is reported, in memory, by the name of the series: `jobs_total{queue=mail,kind=new}`.
final class RecordingMetrics: MetricsSink {
  private struct State {
    var counters: [String: Double] = [:]
    var gauges: [String: Double] = [:]
    var histograms: [String: [Double]] = [:]
    var buckets: [String: [Double]] = [:]
    var made: [String] = []
  }

  private let state = Guarded(State())

  /// Of all series, in the order in which they were made.
  var made: [String] { state.withLock { $0.made } }
  var counters: [String: Double] { state.withLock { $0.counters } }
  var gauges: [String: Double] { state.withLock { $0.gauges } }
  var histograms: [String: [Double]] { state.withLock { $0.histograms } }
  var buckets: [String: [Double]] { state.withLock { $0.buckets } }
  /// Of those counters that are not 0.
  var counted: [String: Double] { counters.filter { $0.value != 0 } }

  private func make(_ name: String, _ tags: [(String, String)]) -> Series {
    let tags = tags.map { "\($0)=\($1)" }.joined(separator: ",")
    let series = "\(name){\(tags)}"
    state.withLock { $0.made.append(series) }
    return Series(name: series, of: self)
  }

  func makeCounter(
    _ name: String, help: String, tags: [(String, String)]
  ) -> any MetricsCounter {
    let series = make(name, tags)
    state.withLock { $0.counters[series.name, default: 0] += 0 }
    return Counter(series: series)
  }

  func makeGauge(_ name: String, help: String, tags: [(String, String)]) -> any MetricsGauge {
    let series = make(name, tags)
    state.withLock { $0.gauges[series.name, default: 0] += 0 }
    return Gauge(series: series)
  }

  func makeHistogram(
    _ name: String, help: String, tags: [(String, String)], buckets: [Double]
  ) -> any MetricsHistogram {
    let series = make(name, tags)
    state.withLock { state in
      state.histograms[series.name, default: []] += []
      state.buckets[series.name] = buckets
    }
    return Histogram(series: series)
  }

  private struct Series {
    let name: String
    let sink: RecordingMetrics

    init(name: String, of sink: RecordingMetrics) {
      self.name = name
      self.sink = sink
    }
  }

  private struct Counter: MetricsCounter {
    let series: Series
    func add(_ amount: Double) {
      series.sink.state.withLock { $0.counters[series.name, default: 0] += amount }
    }
  }

  private struct Gauge: MetricsGauge {
    let series: Series
    func set(_ value: Double) {
      series.sink.state.withLock { $0.gauges[series.name] = value }
    }
    func add(_ amount: Double) {
      series.sink.state.withLock { $0.gauges[series.name, default: 0] += amount }
    }
  }

  private struct Histogram: MetricsHistogram {
    let series: Series
    func record(_ value: Double) {
      series.sink.state.withLock { $0.histograms[series.name, default: []].append(value) }
    }
  }
}

/// Keeps log events as lines: `warning: timed out kind=attempt limit=1.0 seconds`.
final class RecordingLog: LogSink {
  private let told = Guarded<[String]>([])
  private let least: LogLevel

  /// - Parameter least: what matters less is not shown.
  init(from least: LogLevel = .trace) { self.least = least }

  var lines: [String] { told.withLock { $0 } }

  func isEnabled(_ level: LogLevel) -> Bool { level >= least }

  func log(
    _ level: LogLevel, _ message: @autoclosure () -> String,
    metadata: @autoclosure () -> [(String, String)]
  ) {
    let line = "\(level): \(message())" + metadata().map { " \($0)=\($1)" }.joined()
    told.withLock { $0.append(line) }
  }
}
