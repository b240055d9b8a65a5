import CHoldfastInternals
import Synchronization
import Testing

@testable import Holdfast

@Suite struct PipelineObserverTests {
  private struct Broken: Error, CustomStringConvertible {
    let description = "broken\nin two"
  }

  /// What a closure was told.
  private final class Record: Sendable {
    private let told = Guarded<[ResilienceEvent]>([])
    func add(_ event: ResilienceEvent) { told.withLock { $0.append(event) } }
    var events: [ResilienceEvent] { told.withLock { $0 } }
  }

  private let metrics = RecordingMetrics()
  private let log = RecordingLog()
  private let record = Record()
  private let observer: PipelineObserver

  init() throws {
    observer = try #require(
      PipelineObserver(operation: "orders", metrics: metrics, log: log, onEvent: record.add))
  }

  private var lines: [String] { record.events.map(\.description) }

  @Test func `where nobody wants to know there is none`() {
    #expect(PipelineObserver(operation: "x", metrics: nil, log: nil, onEvent: nil) == nil)
    #expect(PipelineObserver(operation: "x", metrics: metrics, log: nil, onEvent: nil) != nil)
    #expect(PipelineObserver(operation: "x", metrics: nil, log: log, onEvent: nil) != nil)
    #expect(PipelineObserver(operation: "x", metrics: nil, log: nil, onEvent: { _ in }) != nil)
  }

  @Test func `all series are there before anything happens, and no more are made`() {
    let made = metrics.made
    #expect(
      Set(made) == [
        "resilience_attempts_total{operation=orders,outcome=success}",
        "resilience_attempts_total{operation=orders,outcome=failure}",
        "resilience_attempts_total{operation=orders,outcome=timeout}",
        "resilience_attempts_total{operation=orders,outcome=cancelled}",
        "resilience_attempt_seconds{operation=orders}",
        "resilience_retry_delay_seconds{operation=orders}",
        "resilience_retries_exhausted_total{operation=orders,reason=attempts}",
        "resilience_retries_exhausted_total{operation=orders,reason=budget}",
        "resilience_retries_exhausted_total{operation=orders,reason=deadline}",
        "resilience_retries_exhausted_total{operation=orders,reason=retry_after}",
        "resilience_retries_exhausted_total{operation=orders,reason=bulkhead}",
        "resilience_timeouts_total{operation=orders,limit=attempt}",
        "resilience_timeouts_total{operation=orders,limit=call}",
        "resilience_rejected_total{operation=orders,by=rate_limit}",
        "resilience_rejected_total{operation=orders,by=bulkhead}",
        "resilience_rejected_total{operation=orders,by=circuit_breaker}",
        "resilience_abandoned{operation=orders}",
        "resilience_circuit_open{operation=orders}",
        "resilience_fallbacks_total{operation=orders}",
      ])
    #expect(made.count == Set(made).count)
    #expect(metrics.counted.isEmpty)
    #expect(metrics.gauges.values.allSatisfy { $0 == 0 })
    // Rising, as a histogram needs them.
    for buckets in metrics.buckets.values { #expect(Set(buckets).sorted() == buckets) }
    everything()
    #expect(metrics.made == made)
  }

  /// One of each.
  private func everything() {
    for outcome in PipelineObserver.AttemptOutcome.allCases {
      observer.attemptEnded(outcome, after: 1_500_000_000)
    }
    observer.willRetry(attempt: 2, after: 500_000_000, because: Broken())
    for reason in RetryExhaustedError.Reason.allCases {
      observer.exhausted(reason, attempts: 3, error: Broken())
    }
    for kind in TimeoutError.Kind.allCases { observer.timedOut(kind, after: .seconds(2)) }
    for stage in ResilienceEvent.Stage.allCases { observer.rejected(by: stage, error: Broken()) }
    observer.abandoned(now: 1)
    observer.abandonedEnded(now: 0)
    observer.fellBack(from: Broken())
  }

  @Test func `attempts are counted and timed, and are no events`() {
    observer.attemptEnded(.success, after: 1_500_000_000)
    observer.attemptEnded(.success, after: 0)
    observer.attemptEnded(.failure, after: 250_000_000)
    observer.attemptEnded(.timeout, after: 2_000_000_000)
    observer.attemptEnded(.cancelled, after: 7_000_000_000)
    #expect(
      metrics.counted == [
        "resilience_attempts_total{operation=orders,outcome=success}": 2,
        "resilience_attempts_total{operation=orders,outcome=failure}": 1,
        "resilience_attempts_total{operation=orders,outcome=timeout}": 1,
        "resilience_attempts_total{operation=orders,outcome=cancelled}": 1,
      ])
    // How long one took that was cancelled says nothing.
    #expect(
      metrics.histograms["resilience_attempt_seconds{operation=orders}"] == [1.5, 0, 0.25, 2])
    #expect(log.lines.isEmpty)
    #expect(record.events.isEmpty)
  }

  @Test func `each event goes to metrics, the log and the closure`() {
    everything()
    let errors = ["attempts", "budget", "deadline", "retry_after", "bulkhead"]
    #expect(
      log.lines == [
        "info: retrying operation=orders attempt=2 delay=0.5 seconds error=broken in two"
      ]
        + errors.map {
          "error: retries exhausted operation=orders reason=\($0) attempts=3 error=broken in two"
        } + [
          "warning: timed out operation=orders kind=attempt limit=2.0 seconds",
          "warning: timed out operation=orders kind=call limit=2.0 seconds",
          "warning: call rejected operation=orders by=rate_limit error=broken in two",
          "warning: call rejected operation=orders by=bulkhead error=broken in two",
          "debug: call rejected operation=orders by=circuit_breaker error=broken in two",
          "warning: body abandoned operation=orders abandoned=1",
          "debug: abandoned body ended operation=orders abandoned=0",
          "notice: falling back operation=orders error=broken in two",
        ])
    #expect(
      lines == ["'orders': attempt 2 follows in 0.5 seconds: broken in two"]
        + errors.map { "'orders': no attempt follows the 3 that failed (\($0)): broken in two" } + [
          "'orders': an attempt gave no answer within 2.0 seconds",
          "'orders': the call gave no answer within 2.0 seconds",
          "'orders': rejected by rate_limit: broken in two",
          "'orders': rejected by bulkhead: broken in two",
          "'orders': rejected by circuit_breaker: broken in two",
          "'orders': a body goes on without a caller; 1 now",
          "'orders': a body without a caller has ended; 0 left",
          "'orders': the fallback is called: broken in two",
        ])
    #expect(record.events.allSatisfy { $0.operation == "orders" })
    // Each counter once, the gauge back at 0.
    #expect(metrics.counters.values.allSatisfy { $0 == 1 })
    #expect(metrics.gauges["resilience_abandoned{operation=orders}"] == 0)
    #expect(metrics.histograms["resilience_retry_delay_seconds{operation=orders}"] == [0.5])
  }

  @Test func `bodies that are abandoned are counted up and down, also by others of the name`()
    throws
  {
    let other = try #require(
      PipelineObserver(operation: "orders", metrics: metrics, log: nil, onEvent: nil))
    observer.abandoned(now: 1)
    other.abandoned(now: 1)
    observer.abandoned(now: 2)
    #expect(metrics.gauges["resilience_abandoned{operation=orders}"] == 3)
    observer.abandonedEnded(now: 1)
    #expect(metrics.gauges["resilience_abandoned{operation=orders}"] == 2)
  }

  @Test func `the gauge of the circuit follows its breaker`() throws {
    let breaker = try CircuitBreaker(
      "orders", clock: ManualClock(), onTransition: observer.transitioned)
    func gauge(in state: CircuitBreaker.State) -> Double? {
      breaker.transition(to: state)
      return metrics.gauges["resilience_circuit_open{operation=orders}"]
    }
    #expect(gauge(in: .open) == 1)
    #expect(gauge(in: .halfOpen) == 0)
    #expect(gauge(in: .forcedOpen) == 1)
    #expect(gauge(in: .metricsOnly) == 0)
    #expect(gauge(in: .disabled) == 0)
    #expect(gauge(in: .closed) == 0)
    #expect(
      log.lines.first
        == "warning: circuit breaker changed its state operation=orders from=closed to=open "
        + "cause=by_hand open_for=60.0 seconds")
    #expect(
      log.lines.last
        == "notice: circuit breaker changed its state operation=orders from=disabled to=closed "
        + "cause=by_hand")
    #expect(lines.first == "circuit breaker 'orders': closed to open (by_hand), for 60.0 seconds")
  }

  @Test func `a log that shows no such event is not given one`() throws {
    let quiet = RecordingLog(from: .error)
    let observer = try #require(
      PipelineObserver(operation: "orders", metrics: nil, log: quiet, onEvent: nil))
    observer.timedOut(.call, after: .seconds(1))
    observer.rejected(by: .bulkhead, error: Broken())
    observer.exhausted(.budget, attempts: 1, error: Broken())
    #expect(
      quiet.lines == [
        "error: retries exhausted operation=orders reason=budget attempts=1 error=broken in two"
      ])
  }

  @Test func `names are shown on one line, and are tags as they are`() throws {
    let metrics = RecordingMetrics()
    let observer = try #require(
      PipelineObserver(operation: "two\nlines", metrics: metrics, log: log, onEvent: record.add))
    observer.timedOut(.attempt, after: .seconds(1))
    #expect(log.lines == ["warning: timed out operation=two lines kind=attempt limit=1.0 seconds"])
    #expect(lines == ["'two lines': an attempt gave no answer within 1.0 seconds"])
    #expect(metrics.counted.keys.first?.contains("operation=two\nlines") == true)
  }

  // MARK: - Cost

  /// Counts without an allocation.
  private final class Plain: MetricsSink, MetricsCounter, MetricsGauge, MetricsHistogram {
    let samples = Atomic(0)
    func makeCounter(_: String, help _: String, tags _: [(String, String)]) -> any MetricsCounter {
      self
    }
    func makeGauge(_: String, help _: String, tags _: [(String, String)]) -> any MetricsGauge {
      self
    }
    func makeHistogram(
      _: String, help _: String, tags _: [(String, String)], buckets _: [Double]
    ) -> any MetricsHistogram { self }
    func add(_: Double) { samples.add(1, ordering: .relaxed) }
    func set(_: Double) { samples.add(1, ordering: .relaxed) }
    func record(_: Double) { samples.add(1, ordering: .relaxed) }
  }

  @Test func `an attempt that ends allocates nothing`() throws {
    guard hft_allocated_bytes() != UInt64.max else {
      print("skipped: allocations are counted only where the program uses jemalloc")
      return
    }
    let sink = Plain()
    let observer = try #require(
      PipelineObserver(operation: "orders", metrics: sink, log: log, onEvent: record.add))
    // Without a loop, which would allocate here where nothing is optimised.
    func round() {
      observer.attemptEnded(.success, after: 1_000_000)
      observer.attemptEnded(.failure, after: 1_000_000)
      observer.attemptEnded(.timeout, after: 1_000_000)
      observer.attemptEnded(.cancelled, after: 1_000_000)
    }
    for _ in 0..<10 { round() }
    let before = hft_allocated_bytes()
    for _ in 0..<1000 { round() }
    let allocated = hft_allocated_bytes() - before
    #expect(allocated == 0, "\(allocated) bytes")
    #expect(sink.samples.load(ordering: .relaxed) == 1010 * 7)
  }
}
