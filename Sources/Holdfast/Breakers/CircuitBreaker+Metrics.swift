import CHoldfast

extension CircuitBreaker {
  /// The figures of a breaker at one moment. Totals fall only by ``CircuitBreaker/reset()``.
  public struct Metrics: Sendable, Hashable {
    /// What it would do with a call now.
    public let state: State
    /// Calls that succeeded, slow ones not counted.
    public let successes: Int
    /// Calls that failed.
    public let failures: Int
    /// Calls that succeeded but took too long.
    public let slow: Int
    /// Calls that counted as nothing.
    public let neutral: Int
    /// Calls that were settled after the breaker had left the state in which they were permitted.
    public let late: Int
    /// Calls that were not permitted.
    public let rejected: Int
    /// How often it opened.
    public let opens: Int
    /// How often it closed after having been half-open.
    public let closes: Int
    /// Failures in a row; 0 unless closed.
    public let consecutiveFailures: Int
    /// Successes in a row; 0 unless half-open.
    public let consecutiveSuccesses: Int
    /// Calls in the window, of those failed and slow ones; 0 without a window.
    public let windowCalls: Int
    /// Failed calls in the window.
    public let windowFailures: Int
    /// Slow calls in the window.
    public let windowSlow: Int
    /// How long calls will be refused; `nil` unless open.
    public let retryAfter: Duration?
    /// Whether it is half-open; or closed, and either in a run of failures, or with a window that
    /// holds the minimum of calls and half the share of failures, or of slow calls, that would open
    /// it: by this breaker's own options, as they are now.
    public let isDegraded: Bool

    /// The state for a gauge: 1 while calls are refused because it is open, or forced open; else 0.
    public var openGauge: Int { state.openGauge }

    /// Calls that succeeded, failed or were slow.
    public var calls: Int { successes + failures + slow }

    /// The share of failures, 0 to 1: in the window where there are calls in one, else of all calls.
    public var failureRate: Double {
      let (failures, calls) =
        windowCalls > 0 ? (windowFailures, windowCalls) : (self.failures, self.calls)
      return calls == 0 ? 0 : Double(failures) / Double(calls)
    }
  }

  /// The figures now. Each is exact; together they may be of moments a little apart while others
  /// call.
  ///
  /// - Complexity: O(processors + window).
  public var metrics: Metrics {
    Metrics(unsafe hf_breaker_read(pointer, time.now))
  }
}

extension CircuitBreaker.Metrics {
  init(_ raw: hf_breaker_snapshot) {
    // As hf_breaker_peek() has it: open, but not for any time, is half-open.
    state = raw.state == HF_BREAKER_OPEN && raw.retry_after_ns == 0 ? .halfOpen : .init(raw.state)
    isDegraded = raw.degraded || state == .halfOpen
    successes = Int(clamping: raw.successes)
    failures = Int(clamping: raw.failures)
    slow = Int(clamping: raw.slow)
    neutral = Int(clamping: raw.neutral)
    late = Int(clamping: raw.late)
    rejected = Int(clamping: raw.refused)
    opens = Int(clamping: raw.opens)
    closes = Int(clamping: raw.closes)
    consecutiveFailures = Int(raw.consecutive_failures)
    consecutiveSuccesses = Int(raw.consecutive_successes)
    windowCalls = Int(raw.window_calls)
    windowFailures = Int(raw.window_failures)
    windowSlow = Int(raw.window_slow)
    retryAfter = raw.retry_after_ns == 0 ? nil : Duration(nanoseconds: raw.retry_after_ns)
  }
}
