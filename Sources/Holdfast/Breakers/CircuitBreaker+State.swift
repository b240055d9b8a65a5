import CHoldfast

extension CircuitBreaker {
  /// What a breaker does with calls.
  public enum State: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// They pass, and are counted.
    case closed
    /// They are refused until the open time is over.
    case open
    /// A few pass as probes.
    case halfOpen = "half_open"
    /// By hand: they are refused until another state is chosen.
    case forcedOpen = "forced_open"
    /// By hand: they pass; only totals are counted, nothing opens it.
    case disabled
    /// By hand: they pass and are counted, windows too, but nothing opens it.
    case metricsOnly = "metrics_only"

    /// The name that logs use, such as `half_open`.
    public var description: String { rawValue }

    /// For a gauge: 1 while calls are refused because it is open, or forced open; else 0.
    var openGauge: Int { self == .open || self == .forcedOpen ? 1 : 0 }

    init(_ raw: hf_breaker_state) {
      switch raw {
      case HF_BREAKER_OPEN: self = .open
      case HF_BREAKER_HALF_OPEN: self = .halfOpen
      case HF_BREAKER_FORCED_OPEN: self = .forcedOpen
      case HF_BREAKER_DISABLED: self = .disabled
      case HF_BREAKER_METRICS_ONLY: self = .metricsOnly
      default: self = .closed
      }
    }

    var raw: hf_breaker_state {
      switch self {
      case .closed: HF_BREAKER_CLOSED
      case .open: HF_BREAKER_OPEN
      case .halfOpen: HF_BREAKER_HALF_OPEN
      case .forcedOpen: HF_BREAKER_FORCED_OPEN
      case .disabled: HF_BREAKER_DISABLED
      case .metricsOnly: HF_BREAKER_METRICS_ONLY
      }
    }
  }
}
