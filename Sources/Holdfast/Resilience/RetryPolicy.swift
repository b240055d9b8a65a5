import CHoldfast

/// How often a call is tried, which errors are worth another attempt, and how long to wait before it.
public struct RetryPolicy: Sendable {
  /// Attempts, the first one included: 1 to 1,000; by default 3.
  public var maxAttempts = 3
  /// The delay before the first retry: 0 to a day, by default 500 ms.
  public var baseDelay = Duration.milliseconds(500)
  /// No delay is longer: 0 to a day, by default 8 s. See ``longestRetryAfter`` for those that a server
  /// asks for.
  public var maxDelay = Duration.seconds(8)
  /// By how much the delay grows with each retry: 1 to 100, by default 2.
  public var exponentialBase = 2.0
  /// How delays are spread; by default over all of the delay.
  public var jitter = Jitter.full
  /// When a server asks for a delay, it is given that, or the delay above if that is longer. If it asks
  /// for more than this, the call is not tried again. 0 to a day, by default a minute.
  public var longestRetryAfter = Duration.seconds(60)
  /// Which errors are worth another attempt: by default those of connections, time-outs and input and
  /// output, see ``Transient``. Cancellation is not asked about: it ends the call.
  public var retries: @Sendable (any Error) -> Bool = Transient.isTransient(_:)
  /// Which delay the server asked for; by default what a ``RetryAfterError`` says.
  public var retryAfter: @Sendable (any Error) -> Duration? = { error in
    (error as? any RetryAfterError)?.retryAfter
  }

  /// The defaults. Change what you need.
  public init() {}

  /// That of an operation.
  init(of configuration: ResilienceConfiguration) {
    maxAttempts = configuration.maxAttempts
    baseDelay = configuration.baseDelay
    maxDelay = configuration.maxDelay
    exponentialBase = configuration.exponentialBase
    jitter = configuration.jitter
    longestRetryAfter = configuration.longestRetryAfter
    retries = configuration.retries
    retryAfter = configuration.retryAfter
  }

  /// The delay before each attempt, without jitter: zero before the first.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when something is out of range.
  /// - Complexity: O(maxAttempts).
  public func delays() throws(HoldfastError) -> [Duration] {
    var backoff = try backoff()
    backoff.jitter = HF_JITTER_NONE
    var delays: [Duration] = []
    for retry in 0..<UInt32(clamping: maxAttempts) {
      delays.append(Duration(nanoseconds: unsafe hf_backoff_delay_ns(&backoff, retry, 0, 0)))
    }
    return delays
  }

  /// As the core takes it, which checks most of the ranges.
  func backoff() throws(HoldfastError) -> hf_backoff {
    guard (1...1000).contains(maxAttempts) else {
      throw HoldfastError(invalidArgument: "maxAttempts is \(maxAttempts); it may be 1 to 1000")
    }
    var backoff = hf_backoff_default()
    backoff.base_ns = try nanoseconds(baseDelay, "baseDelay")
    backoff.max_ns = try nanoseconds(maxDelay, "maxDelay")
    _ = try nanoseconds(longestRetryAfter, "longestRetryAfter")
    backoff.exponential_base = exponentialBase
    backoff.jitter = jitter.raw
    var error = hf_error()
    guard unsafe hf_backoff_check(&backoff, &error) == HF_OK else {
      throw HoldfastError(
        invalidArgument: "exponentialBase is \(exponentialBase); it may be 1 to 100")
    }
    return backoff
  }

  private func nanoseconds(_ time: Duration, _ name: String) throws(HoldfastError) -> UInt64 {
    guard let whole = time.wholeNanoseconds, whole <= 86_400_000_000_000 else {
      throw HoldfastError(invalidArgument: "\(name) is \(time); it may be 0 to 86400 seconds")
    }
    return whole
  }
}
