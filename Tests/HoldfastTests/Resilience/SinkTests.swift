import Testing

@testable import Holdfast

@Suite struct SinkTests {
  /// Keeps what it is told, in order.
  final class Recording: MetricsSink, MetricsCounter, LogSink {
    private let lines = Guarded<[String]>([])
    let lowest: LogLevel

    init(lowest: LogLevel = .trace) { self.lowest = lowest }

    var all: [String] { lines.withLock { $0 } }

    private func add(_ line: String) { lines.withLock { $0.append(line) } }

    func add(_ amount: Double) { add("add \(amount)") }

    func makeCounter(
      _ name: String, help: String, tags: [(String, String)]
    ) -> any MetricsCounter { self }

    func makeGauge(
      _ name: String, help: String, tags: [(String, String)]
    ) -> any MetricsGauge { Nothing() }

    func makeHistogram(
      _ name: String, help: String, tags: [(String, String)], buckets: [Double]
    ) -> any MetricsHistogram {
      add("\(name), \(help), \(tags.map { "\($0)=\($1)" }), \(buckets)")
      return Nothing()
    }

    func log(
      _ level: LogLevel, _ message: @autoclosure () -> String,
      metadata: @autoclosure () -> [(String, String)]
    ) {
      guard level >= lowest else { return }
      add("\(level): \(message()) \(metadata().map { "\($0)=\($1)" })")
    }
  }

  struct Nothing: MetricsGauge, MetricsHistogram {
    func set(_ value: Double) {}
    func add(_ amount: Double) {}
    func record(_ value: Double) {}
  }

  @Test func `a counter adds 1 unless told otherwise`() {
    let sink = Recording()
    let counter = sink.makeCounter("c", help: "", tags: [])
    counter.add()
    counter.add(2.5)
    #expect(sink.all == ["add 1.0", "add 2.5"])
  }

  @Test func `a histogram without buckets has those of the sink`() {
    let sink = Recording()
    _ = sink.makeHistogram("h", help: "Help.", tags: [("a", "b")])
    _ = sink.makeHistogram("h", help: "Help.", tags: [], buckets: [1, 2])
    #expect(sink.all == [#"h, Help., ["a=b"], []"#, "h, Help., [], [1.0, 2.0]"])
  }

  @Test func `levels are in the order of how much they matter`() {
    #expect(
      LogLevel.allCases == [.trace, .debug, .info, .notice, .warning, .error, .critical])
    #expect(LogLevel.allCases.shuffled().sorted() == LogLevel.allCases)
    #expect(LogLevel(rawValue: "warning") == .warning)
  }

  @Test func `an event that is not shown is not put together`() {
    let sink = Recording(lowest: .warning)
    var made = 0
    func message() -> String {
      made += 1
      return "m"
    }
    sink.log(.notice, message(), metadata: [("k", message())])
    #expect(made == 0)
    sink.log(.error, message(), metadata: [("k", message())])
    #expect(made == 2)
    #expect(sink.all == [#"error: m ["k=m"]"#])
    #expect(sink.isEnabled(.trace))
  }
}
