import Testing

@testable import Holdfast

@Suite struct ResilienceConfigurationTests {
  struct Row: Sendable {
    let preset: ResiliencePreset
    let timeout: Duration
    let attempts: Int
    let base: Duration
    let most: Duration
    let threshold: Int
    let recovery: Duration
  }

  @Test(arguments: [
    Row(
      preset: .database, timeout: .seconds(30), attempts: 3, base: .milliseconds(500),
      most: .seconds(10), threshold: 3, recovery: .seconds(30)),
    Row(
      preset: .cache, timeout: .seconds(5), attempts: 2, base: .milliseconds(100),
      most: .seconds(1), threshold: 3, recovery: .seconds(15)),
    Row(
      preset: .api, timeout: .seconds(60), attempts: 5, base: .seconds(1), most: .seconds(30),
      threshold: 5, recovery: .seconds(60)),
    Row(
      preset: .file, timeout: .seconds(10), attempts: 3, base: .milliseconds(200),
      most: .seconds(5), threshold: 3, recovery: .seconds(30)),
    Row(
      preset: .ml, timeout: .seconds(300), attempts: 2, base: .seconds(5), most: .seconds(30),
      threshold: 2, recovery: .seconds(120)),
    Row(
      preset: .custom, timeout: .seconds(5), attempts: 3, base: .milliseconds(500),
      most: .seconds(8), threshold: 5, recovery: .seconds(60)),
  ])
  func `each preset has the values of the table`(row: Row) throws {
    let it = row.preset.configuration
    #expect(it.timeout == row.timeout)
    #expect(it.maxAttempts == row.attempts)
    #expect(it.baseDelay == row.base)
    #expect(it.maxDelay == row.most)
    #expect(it.failureThreshold == row.threshold)
    #expect(it.recoveryTimeout == row.recovery)
    #expect(it.exponentialBase == 2)
    #expect(it.jitter == .full)
    #expect(it.deadline == nil)
    #expect(it.isTimeoutEnabled && it.isRetryEnabled && it.isCircuitBreakerEnabled)
    #expect(it.isRetryBudgetEnabled)
    #expect(!it.isBulkheadEnabled && !it.isRateLimitEnabled)
    try it.check()
  }

  @Test func `a preset has a short form`() {
    #expect(Values(.database) == Values(ResiliencePreset.database.configuration))
    #expect(Values(.cache) == Values(ResiliencePreset.cache.configuration))
    #expect(Values(.api) == Values(ResiliencePreset.api.configuration))
    #expect(Values(.file) == Values(ResiliencePreset.file.configuration))
    #expect(Values(.ml) == Values(ResiliencePreset.ml.configuration))
    #expect(Values(ResilienceConfiguration()) == Values(ResiliencePreset.custom.configuration))
  }

  @Test func `the threshold and the open time are those of the breaker's options`() {
    var it = ResilienceConfiguration()
    it.failureThreshold = 9
    it.recoveryTimeout = .seconds(7)
    #expect(it.circuitBreaker.failureThreshold == 9)
    #expect(it.circuitBreaker.openTime == .seconds(7))
    it.circuitBreaker.failureThreshold = 2
    #expect(it.failureThreshold == 2)
  }

  @Test(
    arguments: [
      ("timeout", { @Sendable in $0.timeout = .zero }),
      ("timeout", { $0.timeout = .seconds(-1) }),
      ("timeout", { $0.timeout = .seconds(31_536_001) }),
      ("deadline", { $0.deadline = .zero }),
      ("deadline", { $0.deadline = .seconds(31_536_001) }),
      ("maxAttempts", { $0.maxAttempts = 0 }),
      ("maxAttempts", { $0.maxAttempts = 1001 }),
      ("maxAttempts", { $0.maxAttempts = .min }),
      ("baseDelay", { $0.baseDelay = .nanoseconds(-1) }),
      ("baseDelay", { $0.baseDelay = .seconds(86_401) }),
      ("maxDelay", { $0.maxDelay = .seconds(-5) }),
      ("exponentialBase", { $0.exponentialBase = 0.99 }),
      ("exponentialBase", { $0.exponentialBase = 100.5 }),
      ("exponentialBase", { $0.exponentialBase = .nan }),
      ("exponentialBase", { $0.exponentialBase = .infinity }),
      ("longestRetryAfter", { $0.longestRetryAfter = .seconds(86_401) }),
      ("failureThreshold", { $0.failureThreshold = -1 }),
      ("failureThreshold", { $0.failureThreshold = 65_536 }),
      ("recoveryTimeout", { $0.recoveryTimeout = .zero }),
      ("bulkhead.limit", { $0.bulkhead.limit = 0 }),
      ("bulkhead.queue", { $0.bulkhead.queue = -1 }),
      ("bulkhead.longestWait", { $0.bulkhead.longestWait = .seconds(-1) }),
      ("rateLimit.permits", { $0.rateLimit.permits = 0 }),
      ("rateLimit.per", { $0.rateLimit.per = .nanoseconds(999) }),
      ("rateLimit.burst", { $0.rateLimit.burst = 0 }),
      ("rateLimit.longestWait", { $0.rateLimit.longestWait = .seconds(-1) }),
      ("circuitBreaker.probes", { $0.circuitBreaker.probes = 0 }),
      // More than one a nanosecond.
      (
        "rateLimit.permits",
        {
          $0.rateLimit.permits = 1001
          $0.rateLimit.per = .microseconds(1)
        }
      ),
      // More than a year to fill it.
      (
        "rateLimit.burst",
        {
          $0.rateLimit.permits = 1
          $0.rateLimit.per = .seconds(86_400)
          $0.rateLimit.burst = 366
        }
      ),
    ] as [(String, @Sendable (inout ResilienceConfiguration) -> Void)])
  func `what is out of range is named, with what is accepted`(
    name: String, change: @Sendable (inout ResilienceConfiguration) -> Void
  ) {
    var it = ResilienceConfiguration.api
    change(&it)
    let message = ResilienceSettingsTests.message { try it.check() }
    #expect(message.hasPrefix("\(name) is "))
    #expect(message.contains("(accepted: ") || message.contains("; it "))
  }

  @Test func `everything that is out of range is named at once`() {
    var it = ResilienceConfiguration()
    it.maxAttempts = 0
    it.bulkhead.limit = 0
    #expect(
      ResilienceSettingsTests.message { try it.check() }
        == "maxAttempts is 0 (accepted: a whole number, 1 to 1000); "
        + "bulkhead.limit is 0 (accepted: a whole number, 1 to 1000000)")
  }

  class BaseError: Error, @unchecked Sendable {}
  final class DerivedError: BaseError, @unchecked Sendable {}
  struct OtherError: Error {}

  @Test func `retries may be for types only`() {
    var it = ResilienceConfiguration()
    it.retryOnly(BaseError.self, StorageError.self)
    #expect(it.retries(BaseError()))
    #expect(it.retries(DerivedError()))
    #expect(it.retries(StorageError(.wrongType, "")))
    #expect(!it.retries(OtherError()))
    it.retryOnly()
    #expect(!it.retries(BaseError()))
  }

  struct Busy: RetryAfterError { let retryAfter: Duration? }

  @Test func `what the server asked for is taken from the error`() {
    let it = ResilienceConfiguration()
    #expect(it.retryAfter(Busy(retryAfter: .seconds(3))) == .seconds(3))
    #expect(it.retryAfter(Busy(retryAfter: nil)) == nil)
    #expect(it.retryAfter(OtherError()) == nil)
    #expect(
      it.retryAfter(CircuitOpenError(breaker: "b", retryAfter: .seconds(2))) == .seconds(2))
  }

  @Test func `a probe may take as long as its call`() {
    // 2 attempts of 300 s, and a minute that a server may ask for between them.
    #expect(ResiliencePreset.ml.configuration.breakerOptions.probeLease == .seconds(660))
    var configuration = ResilienceConfiguration()
    configuration.deadline = .seconds(90)
    configuration.timeout = .seconds(80)
    #expect(configuration.breakerOptions.probeLease == .seconds(90))
    configuration.timeout = .seconds(1)
    configuration.isRetryEnabled = false
    #expect(configuration.breakerOptions.probeLease == .seconds(60))
    configuration.deadline = nil
    configuration.timeout = .seconds(366 * 86_400)
    #expect(configuration.breakerOptions.probeLease == .seconds(24 * 86_400))
    configuration.isTimeoutEnabled = false
    #expect(configuration.breakerOptions.probeLease == .seconds(60))
  }
}
