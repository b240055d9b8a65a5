/// How the calls of one operation are guarded: which stages there are, and what each allows.
///
/// It begins as a preset, and is changed where that does not suit:
///
/// ```swift
/// let users = try resilience.database("user_lookup") {
///   $0.timeout = .seconds(2)
///   $0.isBulkheadEnabled = true
///   $0.bulkhead.limit = 10
/// }
/// ```
///
/// The stages stand in this order, the first outermost: deadline, rate limit, bulkhead, circuit breaker,
/// retry, time-out of each attempt. Whoever takes a configuration checks all of it, also what belongs to
/// stages that are off, and refuses what is out of range with ``HoldfastError/Code/invalidArgument``.
public struct ResilienceConfiguration: Sendable {
  // MARK: Time

  /// Whether the time of each attempt is limited; by default it is.
  public var isTimeoutEnabled = true
  /// How long an attempt may take: more than 0, at most a year; by default 5 s.
  public var timeout = Duration.seconds(5)
  /// How long the call may take, with its waiting, its attempts and the delays between them: more than
  /// 0, at most a year; `nil`, by default: as long as it takes.
  public var deadline: Duration?

  // MARK: Retry

  /// Whether a call that failed is tried again; by default it is.
  public var isRetryEnabled = true
  /// Attempts, the first one included: 1 to 1,000; by default 3.
  public var maxAttempts = 3
  /// The delay before the first retry: 0 to a day, by default 500 ms.
  public var baseDelay = Duration.milliseconds(500)
  /// No delay is longer, but for one that a server asks for: 0 to a day, by default 8 s.
  public var maxDelay = Duration.seconds(8)
  /// By how much the delay grows with each retry: 1 to 100, by default 2.
  public var exponentialBase = 2.0
  /// How delays are spread; by default over all of the delay.
  public var jitter = Jitter.full
  /// When a server asks for a delay, it is given that, or the delay above if that is longer. If it asks
  /// for more than this, the call is not tried again. 0 to a day, by default a minute.
  public var longestRetryAfter = Duration.seconds(60)
  /// Which errors are worth another attempt: by default those of connections, of time-outs, and of
  /// input and output; see ``Transient``. It is not asked about cancellation, which ends the call.
  public var retries: @Sendable (any Error) -> Bool = Transient.isTransient(_:)
  /// Which delay the server asked for; by default what a ``RetryAfterError`` says.
  public var retryAfter: @Sendable (any Error) -> Duration? = { error in
    (error as? any RetryAfterError)?.retryAfter
  }
  /// Whether retries are taken from the budget that all operations share, so that they are not many
  /// more than a share of the calls that succeed; by default they are.
  public var isRetryBudgetEnabled = true

  // MARK: Circuit breaker

  /// Whether a service that keeps failing is not called for a while; by default so.
  public var isCircuitBreakerEnabled = true
  /// When the breaker opens, and for how long.
  public var circuitBreaker = CircuitBreaker.Options()
  /// What an error says about the service; by default that it failed. It is not asked about a call that
  /// was cancelled, or refused by another stage.
  public var classify: @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure }

  /// Failures in a row that open the breaker: 1 to 65,535, by default 5; 0: runs do not. The same as
  /// ``CircuitBreaker/Options/failureThreshold`` of ``circuitBreaker``.
  public var failureThreshold: Int {
    get { circuitBreaker.failureThreshold }
    set { circuitBreaker.failureThreshold = newValue }
  }

  /// How long the breaker stays open before a call probes the service: 1 ms to 49 days, by default a
  /// minute. The same as ``CircuitBreaker/Options/openTime`` of ``circuitBreaker``.
  public var recoveryTimeout: Duration {
    get { circuitBreaker.openTime }
    set { circuitBreaker.openTime = newValue }
  }

  // MARK: Bulkhead and rate limit

  /// Whether the calls under way at once are limited; by default not.
  public var isBulkheadEnabled = false
  /// How many there may be.
  public var bulkhead = Bulkhead.Options()

  /// Whether calls are limited in how often they are made; by default not.
  public var isRateLimitEnabled = false
  /// How often they may be made.
  public var rateLimit = RateLimiter.Options()

  /// The defaults above, which are those of ``ResiliencePreset/custom``.
  public init() {}

  /// Retries errors of these types, and no others.
  ///
  /// ```swift
  /// configuration.retryOnly(ConnectionError.self, TimeoutError.self)
  /// ```
  ///
  /// - Complexity: O(1); each failed attempt then asks for its type, O(types).
  public mutating func retryOnly(_ types: any Error.Type...) {
    retries = { error in types.contains { isInstance(error, of: $0) } }
  }

  /// Checks every range.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, which says of each that is out of range what it
  ///   is and what is accepted.
  /// - Complexity: O(1).
  public func check() throws(HoldfastError) {
    var problems = ConfigurationProblems()
    try check(at: "", into: &problems)
    try problems.throwIfAny()
  }

  /// `path`: what the names are to begin with.
  func check(at path: String, into problems: inout ConfigurationProblems) throws(HoldfastError) {
    let before = problems.count
    for parameter in Self.parameters {
      if let value = parameter.valueOutOfRange(of: self) {
        problems.add("\(path)\(parameter.name) is \(value)", accepted: parameter.accepted)
      }
    }
    if problems.count > before { return }
    // What is not in the table, and what concerns two values at once, only those know who use it. They
    // are not asked about the defaults, which is what there is as a rule.
    var others = circuitBreaker
    others.failureThreshold = Self.defaults.failureThreshold
    others.openTime = Self.defaults.openTime
    if others != Self.defaults {
      do {
        _ = try CircuitBreaker(options: circuitBreaker)
      } catch {
        guard error.code == .invalidArgument else { throw error }
        problems.add("\(path)circuitBreaker.\(error.message)")
      }
    }
    if rateLimit != RateLimiter.Options() {
      do {
        _ = try RateLimiter("", rateLimit)
      } catch {
        guard error.code == .invalidArgument else { throw error }
        problems.add("\(path)rateLimit.\(error.message)")
      }
    }
  }

  private static let defaults = CircuitBreaker.Options()
}

extension ResilienceConfiguration {
  /// Those of ``circuitBreaker``, with a lease of probes that lasts as long as a call may: one that
  /// works, but takes its time and its retries, would be given up otherwise, and the breaker never
  /// close.
  var breakerOptions: CircuitBreaker.Options {
    // Without any limit of time nothing says how long a call may take.
    guard isTimeoutEnabled || deadline != nil else { return circuitBreaker }
    var options = circuitBreaker
    // As long as a lease may be.
    let most = Duration.seconds(24 * 86_400)
    var longest = most
    if isTimeoutEnabled {
      let retries = isRetryEnabled ? maxAttempts - 1 : 0
      let delay = min(max(maxDelay, longestRetryAfter), most)
      longest = min(timeout, most) * (retries + 1) + delay * retries
    }
    if let deadline { longest = min(longest, deadline) }
    options.probeLease = min(max(options.probeLease, longest), most)
    return options
  }
}

private func isInstance<E: Error>(_ error: any Error, of type: E.Type) -> Bool { error is E }
