/// The series of one operation, all made at once: so that they are there, with 0, before anything
/// happens, and no sample looks anything up.
struct PipelineMetrics: Sendable {
  // One each, so that an attempt takes no search.
  private let succeeded: any MetricsCounter
  private let failed: any MetricsCounter
  private let timedOut: any MetricsCounter
  private let cancelled: any MetricsCounter
  private let attemptSeconds: any MetricsHistogram
  let retryDelaySeconds: any MetricsHistogram
  let exhausted: [RetryExhaustedError.Reason: any MetricsCounter]
  let timeouts: [TimeoutError.Kind: any MetricsCounter]
  let rejected: [ResilienceEvent.Stage: any MetricsCounter]
  let abandoned: any MetricsGauge
  let circuitOpen: any MetricsGauge
  let fallbacks: any MetricsCounter

  init(of operation: String, in sink: any MetricsSink) {
    let tag = ("operation", operation)
    func counter(_ name: String, _ help: String, _ other: (String, String)? = nil)
      -> any MetricsCounter
    {
      sink.makeCounter(name, help: help, tags: [tag] + (other.map { [$0] } ?? []))
    }
    func counters<Key: CaseIterable & Hashable & CustomStringConvertible>(
      _ name: String, _ help: String, by tag: String, _: Key.Type
    ) -> [Key: any MetricsCounter] {
      .init(
        uniqueKeysWithValues: Key.allCases.map { ($0, counter(name, help, (tag, $0.description))) })
    }
    func attempts(_ outcome: PipelineObserver.AttemptOutcome) -> any MetricsCounter {
      counter(
        "resilience_attempts_total", "Attempts that have ended.", ("outcome", outcome.rawValue))
    }
    succeeded = attempts(.success)
    failed = attempts(.failure)
    timedOut = attempts(.timeout)
    cancelled = attempts(.cancelled)
    attemptSeconds = sink.makeHistogram(
      "resilience_attempt_seconds", help: "How long attempts took that were not cancelled.",
      tags: [tag],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300])
    retryDelaySeconds = sink.makeHistogram(
      "resilience_retry_delay_seconds", help: "How long is waited before retries.", tags: [tag],
      buckets: [0.1, 0.5, 1, 2, 4, 8, 16])
    exhausted = counters(
      "resilience_retries_exhausted_total", "Calls that failed and are not tried again.",
      by: "reason", RetryExhaustedError.Reason.self)
    timeouts = counters(
      "resilience_timeouts_total", "Limits of time that were reached.", by: "limit",
      TimeoutError.Kind.self)
    rejected = counters(
      "resilience_rejected_total", "Calls that a stage did not let pass.", by: "by",
      ResilienceEvent.Stage.self)
    abandoned = sink.makeGauge(
      "resilience_abandoned", help: "Bodies that go on though nobody waits for them.", tags: [tag])
    circuitOpen = sink.makeGauge(
      "resilience_circuit_open", help: "1 while the circuit breaker is open, else 0.", tags: [tag])
    fallbacks = counter("resilience_fallbacks_total", "Fallbacks that were called.")
  }

  /// No allocation: this is on the path of every attempt.
  func attemptEnded(_ outcome: PipelineObserver.AttemptOutcome, after nanoseconds: UInt64) {
    switch outcome {
    case .success: succeeded.add(1)
    case .failure: failed.add(1)
    case .timeout: timedOut.add(1)
    case .cancelled:
      cancelled.add(1)
      return
    }
    attemptSeconds.record(seconds(nanoseconds))
  }

  func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }
}
