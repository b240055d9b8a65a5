/// Something that happened to a call on its way through a ``ResiliencePipeline``, and was not
/// simply a success.
///
/// ```swift
/// let resilience = try Resilience(onEvent: { event in
///   if case .exhausted(let reason, _, _) = event.kind { pager.note(event.operation, reason) }
/// })
/// ```
public struct ResilienceEvent: Sendable {
  /// The name of the pipeline; of a transition, the name of the breaker.
  public let operation: String
  /// What happened.
  public let kind: Kind

  /// What happened. More may be added in later versions, so a `switch` needs a `default`.
  public enum Kind: Sendable {
    /// A call failed, and will be tried again.
    ///
    /// - Parameters:
    ///   - attempt: the number of the attempt to come: 2 for the first retry.
    ///   - delay: how long is waited before it.
    ///   - error: what the attempt before failed with.
    case retry(attempt: Int, delay: Duration, error: any Error)
    /// A call failed, and will not be tried again.
    ///
    /// - Parameters:
    ///   - reason: why not.
    ///   - attempts: how often it was tried.
    ///   - error: what the last attempt failed with.
    case exhausted(RetryExhaustedError.Reason, attempts: Int, error: any Error)
    /// A limit of time was reached: that of an attempt, or that of the call.
    case timedOut(TimeoutError.Kind, limit: Duration)
    /// A stage did not let a call pass, with this error.
    case rejected(by: Stage, error: any Error)
    /// A body that was cancelled because its time was over goes on, though nobody waits for it.
    ///
    /// - Parameter now: how many of this pipeline do so now.
    case abandoned(now: Int)
    /// One of these bodies has ended.
    ///
    /// - Parameter now: how many of this pipeline are left.
    case abandonedEnded(now: Int)
    /// A fallback is called, because of this error.
    case fellBack(error: any Error)
    /// The circuit breaker changed its state.
    case transition(CircuitBreaker.Transition)
  }

  /// A stage that can refuse a call.
  public enum Stage: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// A ``RateLimiter``.
    case rateLimit = "rate_limit"
    /// A ``Bulkhead``.
    case bulkhead
    /// A ``CircuitBreaker``.
    case circuitBreaker = "circuit_breaker"

    /// The name that logs and metrics use, such as `rate_limit`.
    public var description: String { rawValue }
  }

  /// An event as a pipeline reports it, for the tests of code that handles it.
  public init(operation: String, kind: Kind) {
    self.operation = operation
    self.kind = kind
  }
}

extension ResilienceEvent: CustomStringConvertible {
  /// One line, such as `'orders': attempt 2 follows in 0.5 seconds: timed_out: …`.
  public var description: String {
    if case .transition(let transition) = kind { return transition.description }
    return "'\(operation.onOneLine)': \(what)"
  }

  private var what: String {
    switch kind {
    case .retry(let attempt, let delay, let error):
      "attempt \(attempt) follows in \(delay): \(line(error))"
    case .exhausted(let reason, let attempts, let error):
      "no attempt follows the \(attempts) that failed (\(reason)): \(line(error))"
    case .timedOut(.attempt, let limit): "an attempt gave no answer within \(limit)"
    case .timedOut(.call, let limit): "the call gave no answer within \(limit)"
    case .rejected(let stage, let error): "rejected by \(stage): \(line(error))"
    case .abandoned(let now): "a body goes on without a caller; \(now) now"
    case .abandonedEnded(let now): "a body without a caller has ended; \(now) left"
    case .fellBack(let error): "the fallback is called: \(line(error))"
    case .transition(let transition): transition.description
    }
  }

  private func line(_ error: any Error) -> String { String(describing: error).onOneLine }
}

extension ResilienceEvent {
  /// How much it matters.
  ///
  /// What is refused while a breaker is open is many times the same: the transition said so.
  var level: LogLevel {
    switch kind {
    case .rejected(.circuitBreaker, _), .abandonedEnded: .debug
    case .retry: .info
    case .fellBack: .notice
    case .transition(let transition): transition.to == .open ? .warning : .notice
    case .rejected, .timedOut, .abandoned: .warning
    case .exhausted: .error
    }
  }

  /// The same for all events of a kind.
  var message: String {
    switch kind {
    case .retry: "retrying"
    case .exhausted: "retries exhausted"
    case .timedOut: "timed out"
    case .rejected: "call rejected"
    case .abandoned: "body abandoned"
    case .abandonedEnded: "abandoned body ended"
    case .fellBack: "falling back"
    case .transition: "circuit breaker changed its state"
    }
  }

  /// What differs, each name once.
  var metadata: [(String, String)] {
    let fields: [(String, String)] =
      switch kind {
      case .retry(let attempt, let delay, let error):
        [("attempt", "\(attempt)"), ("delay", "\(delay)"), ("error", line(error))]
      case .exhausted(let reason, let attempts, let error):
        [("reason", "\(reason)"), ("attempts", "\(attempts)"), ("error", line(error))]
      case .timedOut(let kind, let limit): [("kind", "\(kind)"), ("limit", "\(limit)")]
      case .rejected(let stage, let error): [("by", "\(stage)"), ("error", line(error))]
      case .abandoned(let now), .abandonedEnded(let now): [("abandoned", "\(now)")]
      case .fellBack(let error): [("error", line(error))]
      case .transition(let transition):
        [
          ("from", "\(transition.from)"), ("to", "\(transition.to)"),
          ("cause", "\(transition.cause)"),
        ] + (transition.openFor.map { [("open_for", "\($0)")] } ?? [])
      }
    return [("operation", operation.onOneLine)] + fields
  }
}
