import CHoldfast

extension CircuitBreaker {
  /// A change of state. Each is reported once.
  public struct Transition: Sendable, Hashable {
    /// The name of the breaker.
    public let breaker: String
    /// The state before.
    public let from: State
    /// The state now.
    public let to: State
    /// Why.
    public let cause: Cause
    /// The number of the new state: one more than that of the state before, modulo 2^20.
    public let generation: Int
    /// How long it stays open; `nil` in other states.
    public let openFor: Duration?

    init(_ raw: hf_transition, of breaker: String) {
      self.breaker = breaker
      from = State(raw.from)
      to = State(raw.to)
      cause = Cause(raw.cause)
      generation = Int(raw.generation)
      openFor = to == .open ? .milliseconds(raw.open_ms) : nil
    }
  }

  /// Why a breaker changed its state.
  public enum Cause: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// A run of failures.
    case failures
    /// The share of failures in the window.
    case failureRate = "failure_rate"
    /// The share of slow calls in the window.
    case slowRate = "slow_rate"
    /// The open time is over, and a call came.
    case openTimeOver = "open_time_over"
    /// A probe failed.
    case probeFailed = "probe_failed"
    /// Enough probes succeeded.
    case probesSucceeded = "probes_succeeded"
    /// The lease of probes that were not settled is over.
    case probesGivenUp = "probes_given_up"
    /// ``CircuitBreaker/transition(to:)`` or ``CircuitBreaker/reset()``.
    case byHand = "by_hand"

    /// The name that logs use, such as `failure_rate`.
    public var description: String { rawValue }

    init(_ raw: hf_breaker_cause) {
      switch raw {
      case HF_BREAKER_FAILURES: self = .failures
      case HF_BREAKER_FAILURE_RATE: self = .failureRate
      case HF_BREAKER_SLOW_RATE: self = .slowRate
      case HF_BREAKER_OPEN_TIME_OVER: self = .openTimeOver
      case HF_BREAKER_PROBE_FAILED: self = .probeFailed
      case HF_BREAKER_PROBES_SUCCEEDED: self = .probesSucceeded
      case HF_BREAKER_PROBES_GIVEN_UP: self = .probesGivenUp
      default: self = .byHand
      }
    }
  }

  /// Writes a transition into a log: a line for people, and the transition for its fields.
  ///
  /// ```swift
  /// let breaker = try CircuitBreaker("payments", log: { line, transition in
  ///   logger.warning("\(line)", metadata: ["breaker": "\(transition.breaker)"])
  /// })
  /// ```
  ///
  /// Called with each transition, in order, once, before `onTransition`.
  public typealias Log = @Sendable (_ line: String, _ transition: Transition) -> Void
}

extension CircuitBreaker.Transition: CustomStringConvertible {
  /// One line, such as `circuit breaker 'payments': closed to open (failures), for 60.0 seconds`.
  public var description: String {
    let time = openFor.map { ", for \($0)" } ?? ""
    return "circuit breaker '\(breaker.onOneLine)': \(from) to \(to) (\(cause))\(time)"
  }
}
