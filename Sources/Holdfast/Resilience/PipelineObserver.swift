/// Replaced by what tells metrics, logs and events; until then it tells nobody.
public enum ResilienceEvent: Sendable {
  public enum Stage: Sendable { case rateLimit, bulkhead, circuitBreaker }
}
final class PipelineObserver: Sendable {
  enum AttemptOutcome: Sendable { case success, failure, timeout, cancelled }
  init?(
    operation: String, metrics: (any MetricsSink)?, log: (any LogSink)?,
    onEvent: (@Sendable (ResilienceEvent) -> Void)?
  ) { return nil }
  func attemptEnded(_ o: AttemptOutcome, after: UInt64) {}
  func willRetry(attempt: Int, after: UInt64, because: any Error) {}
  func exhausted(_ r: RetryExhaustedError.Reason, attempts: Int, error: any Error) {}
  func timedOut(_ k: TimeoutError.Kind, after: Duration) {}
  func rejected(by: ResilienceEvent.Stage, error: any Error) {}
  func abandoned(now: Int) {}
  func abandonedEnded(now: Int) {}
  func fellBack(from: any Error) {}
  func transitioned(_ t: CircuitBreaker.Transition) {}
}
