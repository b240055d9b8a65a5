/// Tells of the calls of one operation whoever wants to know: metrics, a log, and a closure, in
/// this order. Where nobody does there is none, so that a call pays a comparison.
///
/// Called by the task that it happens to, with no lock held.
final class PipelineObserver: Sendable {
  /// What became of an attempt.
  enum AttemptOutcome: String, Sendable, CaseIterable {
    case success, failure, timeout, cancelled
  }

  private let operation: String
  private let metrics: PipelineMetrics?
  private let log: (any LogSink)?
  private let onEvent: (@Sendable (ResilienceEvent) -> Void)?

  /// `nil` when nobody wants to know.
  init?(
    operation: String, metrics: (any MetricsSink)?, log: (any LogSink)?,
    onEvent: (@Sendable (ResilienceEvent) -> Void)?
  ) {
    if metrics == nil, log == nil, onEvent == nil { return nil }
    self.operation = operation
    self.metrics = metrics.map { PipelineMetrics(of: operation, in: $0) }
    self.log = log
    self.onEvent = onEvent
  }

  /// No event: there is one of these for every call that is well. No allocation.
  func attemptEnded(_ outcome: AttemptOutcome, after nanoseconds: UInt64) {
    metrics?.attemptEnded(outcome, after: nanoseconds)
  }

  /// - Parameters:
  ///   - attempt: the number of the one to come.
  ///   - delay: in nanoseconds.
  func willRetry(attempt: Int, after delay: UInt64, because error: any Error) {
    if let metrics { metrics.retryDelaySeconds.record(metrics.seconds(delay)) }
    tell(.retry(attempt: attempt, delay: Duration(nanoseconds: delay), error: error))
  }

  func exhausted(_ reason: RetryExhaustedError.Reason, attempts: Int, error: any Error) {
    metrics?.exhausted[reason]?.add()
    tell(.exhausted(reason, attempts: attempts, error: error))
  }

  func timedOut(_ kind: TimeoutError.Kind, after limit: Duration) {
    metrics?.timeouts[kind]?.add()
    tell(.timedOut(kind, limit: limit))
  }

  func rejected(by stage: ResilienceEvent.Stage, error: any Error) {
    metrics?.rejected[stage]?.add()
    tell(.rejected(by: stage, error: error))
  }

  // The gauge is added to, because others of the same name may add to it, and because of two that
  // come at once the later count may be set first.

  /// - Parameter now: how many of the pipeline are abandoned, this one too.
  func abandoned(now: Int) {
    metrics?.abandoned.add(1)
    tell(.abandoned(now: now))
  }

  /// - Parameter now: how many of the pipeline are left.
  func abandonedEnded(now: Int) {
    metrics?.abandoned.add(-1)
    tell(.abandonedEnded(now: now))
  }

  func fellBack(from error: any Error) {
    metrics?.fallbacks.add()
    tell(.fellBack(error: error))
  }

  /// They come in order, one after another, so that what the gauge is set to last is right.
  func transitioned(_ transition: CircuitBreaker.Transition) {
    metrics?.circuitOpen.set(Double(transition.to.openGauge))
    tell(.transition(transition))
  }

  private func tell(_ kind: ResilienceEvent.Kind) {
    guard log != nil || onEvent != nil else { return }
    let event = ResilienceEvent(operation: operation, kind: kind)
    if let log, log.isEnabled(event.level) {
      log.log(event.level, event.message, metadata: event.metadata)
    }
    onEvent?(event)
  }
}
