import Holdfast
import Testing

@Suite struct CircuitBreakerOptionsTests {
  typealias Options = CircuitBreaker.Options

  struct Change: Sendable, CustomTestStringConvertible {
    let what: String
    let change: @Sendable (inout Options) -> Void
    var testDescription: String { what }

    init(_ what: String, _ change: @escaping @Sendable (inout Options) -> Void) {
      self.what = what
      self.change = change
    }
  }

  static let taken = [
    Change("failures 0") { $0.failureThreshold = 0 },
    Change("failures 65,535") { $0.failureThreshold = 65_535 },
    Change("4,096 calls") { $0.window = .calls(4096) },
    Change("10 ms") { $0.window = .time(.milliseconds(10)) },
    Change("a day") { $0.window = .time(.seconds(86_400)) },
    Change("slow 1 ns") { $0.slowCall = .nanoseconds(1) },
    Change("open 1 ms") { $0.openTime = .milliseconds(1) },
    Change("open less than 1 ms") { $0.openTime = .nanoseconds(1) },
    Change("open 49 days") { $0.openTime = .milliseconds(UInt32.max) },
    Change("31 probes") { $0.probes = 31 },
    Change("31 successes") { $0.successThreshold = 31 },
    Change("lease 64 ms") { $0.probeLease = .milliseconds(64) },
  ]

  @Test(arguments: taken)
  func `what is in range is taken`(change: Change) throws {
    var options = Options()
    change.change(&options)
    let breaker = try CircuitBreaker(options: options)
    try breaker.configure(options)
  }

  static let refused = [
    Change("failures -1") { $0.failureThreshold = -1 },
    Change("failures 65,536") { $0.failureThreshold = 65_536 },
    Change("failures 2^32 + 5") { $0.failureThreshold = 1 << 32 + 5 },
    Change("0 calls") { $0.window = .calls(0) },
    Change("4,097 calls") { $0.window = .calls(4097) },
    Change("9 ms") { $0.window = .time(.milliseconds(9)) },
    Change("more than a day") { $0.window = .time(.seconds(86_401)) },
    Change("minimum 0") { $0.minimumCalls = 0 },
    Change("failure rate 101") { $0.failureRatePercent = 101 },
    Change("slow rate 101") { $0.slowRatePercent = 101 },
    Change("slow 0") { $0.slowCall = .zero },
    Change("slow for ever") { $0.slowCall = .seconds(Int64.max) },
    Change("open 0") { $0.openTime = .zero },
    Change("open -1 ns") { $0.openTime = .nanoseconds(-1) },
    Change("open 50 days") { $0.openTime = .seconds(50 * 86_400) },
    Change("open for ever") { $0.openTime = .seconds(Int64.max) },
    Change("growth 99") { $0.openGrowthPercent = 99 },
    Change("longest 0") { $0.longestOpenTime = .zero },
    Change("jitter 101") { $0.openJitterPercent = 101 },
    Change("0 probes") { $0.probes = 0 },
    Change("32 probes") { $0.probes = 32 },
    Change("0 successes") { $0.successThreshold = 0 },
    Change("lease 63 ms") { $0.probeLease = .milliseconds(63) },
  ]

  @Test(arguments: refused)
  func `what is out of range is refused, and changes nothing`(change: Change) throws {
    var options = Options()
    change.change(&options)
    let made = #expect(throws: HoldfastError.self) { try CircuitBreaker(options: options) }
    #expect(made?.code == .invalidArgument)
    #expect(made?.message.isEmpty == false)
    let test = try BreakerUnderTest()
    let configured = #expect(throws: HoldfastError.self) { try test.breaker.configure(options) }
    #expect(configured == made)
    test.fail(5)
    #expect(test.breaker.metrics.retryAfter == .seconds(60))
  }

  @Test func `an error names an option as Swift does`() throws {
    let names: [(String, (inout Options) -> Void)] = [
      ("failureThreshold is 65536; it may be 0 to 65535", { $0.failureThreshold = 65_536 }),
      ("window is 0; it may be 1 to 4096", { $0.window = .calls(0) }),
      (
        "window (milliseconds) is 9; it may be 10 to 86400000",
        { $0.window = .time(.milliseconds(9)) }
      ),
      ("minimumCalls is 0; it may be 1 to 1000000", { $0.minimumCalls = 0 }),
      ("failureRatePercent is 101; it may be 0 to 100", { $0.failureRatePercent = 101 }),
      ("slowRatePercent is 101; it may be 0 to 100", { $0.slowRatePercent = 101 }),
      ("openTime (milliseconds) is 0; it may be 1 to 4294967295", { $0.openTime = .zero }),
      ("openGrowthPercent is 99; it may be 100 to 1000", { $0.openGrowthPercent = 99 }),
      (
        "longestOpenTime (milliseconds) is 0; it may be 1 to 4294967295",
        { $0.longestOpenTime = .zero }
      ),
      ("openJitterPercent is 101; it may be 0 to 100", { $0.openJitterPercent = 101 }),
      ("probes is 0; it may be 1 to 31", { $0.probes = 0 }),
      ("successThreshold is 32; it may be 1 to 31", { $0.successThreshold = 32 }),
      (
        "probeLease (milliseconds) is 63; it may be 64 to 2073600000",
        { $0.probeLease = .milliseconds(63) }
      ),
    ]
    for (message, change) in names {
      var options = Options()
      change(&options)
      let made = #expect(throws: HoldfastError.self) { try CircuitBreaker(options: options) }
      #expect(made?.message == message)
      let configured = #expect(throws: HoldfastError.self) {
        try CircuitBreaker().configure(options)
      }
      #expect(configured?.message == message)
      let registry = #expect(throws: HoldfastError.self) {
        try CircuitBreakerRegistry(options: options)
      }
      #expect(registry?.message == message)
      let override = CircuitBreakerRegistry.Override(options: options)
      let overriding = try CircuitBreakerRegistry(overrides: { _ in override })
      let named = #expect(throws: HoldfastError.self) { try overriding.breaker("a") }
      #expect(named?.message == message)
    }
  }

  @Test func `the defaults are those of the core`() throws {
    let test = try BreakerUnderTest()
    test.fail(5)
    #expect(test.breaker.metrics.retryAfter == .seconds(60))
    let options = Options()
    #expect(options.successThreshold == 2)
    #expect(options.probes == 1)
    #expect(options.window == .none)
    #expect(options.minimumCalls == 10)
    #expect(options.failureRatePercent == 50)
    #expect(options.probeLease == .seconds(60))
    #expect(options.longestOpenTime == .seconds(600))
  }

  @Test func `parts of a millisecond are rounded up`() throws {
    let test = try BreakerUnderTest { $0.openTime = .microseconds(1500) }
    test.fail(5)
    #expect(test.breaker.metrics.retryAfter == .milliseconds(2))
  }

  @Test func `options may be replaced at run time`() throws {
    let test = try BreakerUnderTest()
    test.fail(2)
    var options = Options()
    options.failureThreshold = 3
    options.openTime = .seconds(5)
    try test.breaker.configure(options)
    test.fail()
    #expect(test.breaker.metrics.retryAfter == .seconds(5))
  }

  @Test func `jitter shortens the open time, each breaker's by its own`() throws {
    let waits = try (0..<50).map { _ in
      let test = try BreakerUnderTest { $0.openJitterPercent = 50 }
      test.fail(5)
      return try #require(test.breaker.metrics.retryAfter)
    }
    #expect(waits.allSatisfy { $0 >= .seconds(30) && $0 <= .seconds(60) })
    // 50 of 30,000 possible waits are all the same once in 10^219.
    #expect(Set(waits).count > 1)
  }
}
