import CHoldfast

extension CircuitBreaker {
  /// When a breaker opens, for how long, and when it closes again.
  ///
  /// Times are kept in whole milliseconds, rounded up. What is out of range is refused by whoever
  /// takes the options, with ``HoldfastError/Code/invalidArgument``.
  public struct Options: Sendable, Hashable {
    /// The calls that rates are taken over.
    public enum Window: Sendable, Hashable {
      /// No rates: only runs of failures open it.
      case none
      /// The last so many calls: 1 to 4,096.
      case calls(Int)
      /// The calls of the last so long: 10 ms to a day, in ten steps.
      case time(Duration)
    }

    /// Failures in a row that open it: 1 to 65,535, by default 5; 0: runs do not.
    public var failureThreshold = 5
    /// By default there is none.
    public var window = Window.none
    /// Calls that the window must hold before a rate counts: 1 to 1,000,000, by default 10.
    public var minimumCalls = 10
    /// The share of failures in the window that opens it: 1 to 100 %, by default 50; 0: none does.
    public var failureRatePercent = 50
    /// The share of slow calls in the window that opens it: 1 to 100 %; by default 0: none does.
    public var slowRatePercent = 0
    /// A success that took at least so long is slow; by default none is. The coarse clock moves in
    /// steps of up to 10 ms.
    public var slowCall: Duration?
    /// How long it stays open: 1 ms to 49 days, by default 60 s.
    public var openTime = Duration.seconds(60)
    /// Each time that a probe fails, the open time is multiplied by so many percent: 100 to 1,000,
    /// by default 100, which keeps it.
    public var openGrowthPercent = 100
    /// It grows to no more than this: 1 ms to 49 days, by default 10 minutes.
    public var longestOpenTime = Duration.seconds(600)
    /// Up to so much of the open time is taken off at random, so that many breakers do not probe at
    /// once: 0 to 100 %, by default 0.
    public var openJitterPercent = 0
    /// Calls that may be under way at once while half-open: 1 to 31, by default 1.
    public var probes = 1
    /// Successes in a row that close it: 1 to 31, by default 2.
    public var successThreshold = 2
    /// When as many probes are out as may be, and so long after the last one passed, those that were
    /// not settled are given up, and others may pass: 64 ms to 24 days, by default 60 s.
    public var probeLease = Duration.seconds(60)

    /// The defaults. Change what you need:
    ///
    /// ```swift
    /// var options = CircuitBreaker.Options()
    /// options.openTime = .seconds(10)
    /// options.window = .calls(100)
    /// ```
    public init() {}
  }
}

extension CircuitBreaker.Options {
  /// The options as the core takes them, which checks their ranges.
  func raw() throws(HoldfastError) -> hf_breaker_options {
    var raw = hf_breaker_options_default()
    raw.failure_threshold = try number(failureThreshold, "failureThreshold")
    switch window {
    case .none: raw.window = HF_BREAKER_WINDOW_NONE
    case .calls(let calls):
      raw.window = HF_BREAKER_WINDOW_CALLS
      raw.window_calls = try number(calls, "window")
    case .time(let time):
      raw.window = HF_BREAKER_WINDOW_TIME
      raw.window_ms = try milliseconds(time, "window")
    }
    raw.minimum_calls = try number(minimumCalls, "minimumCalls")
    raw.failure_rate_percent = try number(failureRatePercent, "failureRatePercent")
    raw.slow_rate_percent = try number(slowRatePercent, "slowRatePercent")
    if let slowCall {
      guard slowCall > .zero, let time = slowCall.wholeNanoseconds else {
        throw outOfRange(slowCall, "slowCall")
      }
      raw.slow_call_ns = time
    }
    raw.open_ms = try milliseconds(openTime, "openTime")
    raw.open_growth_percent = try number(openGrowthPercent, "openGrowthPercent")
    raw.open_max_ms = try milliseconds(longestOpenTime, "longestOpenTime")
    raw.open_jitter_percent = try number(openJitterPercent, "openJitterPercent")
    raw.probes = try number(probes, "probes")
    raw.success_threshold = try number(successThreshold, "successThreshold")
    raw.probe_lease_ms = try milliseconds(probeLease, "probeLease")
    return raw
  }
}

extension HoldfastError {
  /// An error of the core about options, which it names as C does.
  init(
    ofOptions error: hf_error, named names: [(core: String, own: String)] = breakerOptionNames
  ) {
    let plain = HoldfastError(error)
    guard plain.code == .invalidArgument,
      let (core, own) = names.first(where: { plain.message.hasPrefix("\($0.core) is ") })
    else {
      self = plain
      return
    }
    let unit =
      core.hasSuffix("_ms") ? " (milliseconds)" : core.hasSuffix("_ns") ? " (nanoseconds)" : ""
    self.init(
      invalidArgument: own + unit + plain.message.dropFirst(core.count), variable: plain.variable)
  }
}

let breakerOptionNames: [(core: String, own: String)] = [
  ("failure_threshold", "failureThreshold"),
  ("window_calls", "window"),
  ("window_ms", "window"),
  ("minimum_calls", "minimumCalls"),
  ("failure_rate_percent", "failureRatePercent"),
  ("slow_rate_percent", "slowRatePercent"),
  ("open_ms", "openTime"),
  ("open_growth_percent", "openGrowthPercent"),
  ("open_max_ms", "longestOpenTime"),
  ("open_jitter_percent", "openJitterPercent"),
  ("probes", "probes"),
  ("success_threshold", "successThreshold"),
  ("probe_lease_ms", "probeLease"),
]

private func number(_ value: Int, _ name: String) throws(HoldfastError) -> UInt32 {
  guard let number = UInt32(exactly: value) else { throw outOfRange(value, name) }
  return number
}

private func milliseconds(_ time: Duration, _ name: String) throws(HoldfastError) -> UInt32 {
  guard let whole = time.wholeMilliseconds, let number = UInt32(exactly: whole) else {
    throw outOfRange(time, name)
  }
  return number
}

private func outOfRange(_ value: some Sendable, _ name: String) -> HoldfastError {
  HoldfastError(HF_ERROR_INVALID_ARGUMENT, message: "\(name) is \(value), which is out of range")
}
