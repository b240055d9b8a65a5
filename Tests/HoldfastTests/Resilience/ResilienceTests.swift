import Testing

@testable import Holdfast

/// Pipelines by name: what they share, and how they are looked after.
@Suite(.timeLimit(.minutes(2))) struct ResilienceTests {
  private let clock = ManualClock()
  private let script = Script()

  private func resilience(
    _ settings: ResilienceSettings = ResilienceSettings(), budget: RetryBudget? = nil
  ) throws -> Resilience {
    try Resilience(settings, clock: clock, budget: budget, seed: 1)
  }

  /// Makes one attempt, which fails.
  private func fail(_ pipeline: ResiliencePipeline, _ times: Int = 1) async {
    for _ in 0..<times {
      await #expect(throws: LastingError.self) { try await pipeline.run { throw LastingError() } }
    }
  }

  // MARK: - Names

  @Test func `the pipeline of a name is made once, of each preset`() throws {
    let resilience = try resilience()
    let first = try resilience.api("shop")
    #expect(first.name == "shop")
    #expect(try resilience.api("shop") === first)
    #expect(try resilience.pipeline(.api, "shop") === first)
    #expect(try resilience.api("shop2") !== first)
    #expect(try resilience.cache("shop") !== first)
    #expect(try resilience.api("shop") { $0.maxAttempts = 2 } !== first)
    #expect(try resilience.api("shop") === first)
  }

  @Test func `without a name it is that of the place of the call`() throws {
    let resilience = try resilience()
    func here() throws -> ResiliencePipeline { try resilience.custom() }
    let first = try here()
    #expect(first.name == "HoldfastTests/ResilienceTests.swift:\(#line - 2)")
    #expect(try here() === first)
    #expect(try resilience.custom() !== first)
    let all = try [
      resilience.database(), resilience.cache(), resilience.api(), resilience.file(),
      resilience.ml(),
      resilience.custom(), resilience.pipeline(.api),
    ]
    #expect(Set(all.map(\.name)).count == 3)
  }

  @Test func `each preset is what its settings say`() async throws {
    let resilience = try resilience()
    func attempts(_ pipeline: ResiliencePipeline) async throws -> Int {
      let script = Script()
      _ = try? await pipeline.run { throw PassingError(script.next()) }
      return script.count
    }
    func quick(_ configuration: inout ResilienceConfiguration) { configuration.baseDelay = .zero }
    #expect(try await attempts(resilience.database("1", configure: quick)) == 3)
    #expect(try await attempts(resilience.cache("2", configure: quick)) == 2)
    #expect(try await attempts(resilience.api("3", configure: quick)) == 5)
    #expect(try await attempts(resilience.file("4", configure: quick)) == 3)
    #expect(try await attempts(resilience.ml("5", configure: quick)) == 2)
    #expect(try await attempts(resilience.custom("6", configure: quick)) == 3)
  }

  @Test func `the time-out of a preset is that of its attempts`() async throws {
    let resilience = try resilience()
    let latch = Latch()
    for (pipeline, seconds) in [
      (try resilience.database("1"), 30), (try resilience.cache("2"), 5),
      (try resilience.api("3"), 60), (try resilience.file("4"), 10), (try resilience.ml("5"), 300),
      (try resilience.custom("6"), 5),
    ] {
      let call = SteppedCall {
        try await pipeline.scope { scope in
          try await scope.run {
            await latch.waitStubbornly()
          }
        }
      }.goOn()
      clock.advance(by: .seconds(seconds) - .nanoseconds(1))
      #expect(pipeline.figures.timeouts == 0)
      clock.advance(by: .nanoseconds(1))
      await call.whenReady()
      call.goOn()
      #expect(pipeline.figures.timeouts == 1)
      call.cancel()
      await call.end()
    }
    latch.open()
  }

  // MARK: - What a name shares

  @Test func `a name has one breaker, whatever preset asks for it`() async throws {
    let resilience = try resilience()
    let first = try resilience.api("shop") { $0.failureThreshold = 2 }
    // Too late: there is one.
    let second = try resilience.database("shop") { $0.failureThreshold = 9 }
    await fail(first)
    await fail(second)
    for pipeline in try [first, second, resilience.cache("shop")] {
      await #expect(throws: CircuitOpenError.self) { try await pipeline.run {} }
    }
    try await resilience.cache("other").run {}
    #expect(try resilience.breakers.breaker("shop").metrics.state == .open)
  }

  @Test func `who asks first says how a breaker classifies`() async throws {
    let resilience = try resilience()
    let first = try resilience.api("shop") {
      $0.failureThreshold = 1
      $0.classify = { _ in .neutral }
    }
    let second = try resilience.api("shop") { $0.classify = { _ in .failure } }
    await fail(first)
    await fail(second)
    #expect(try resilience.breakers.breaker("shop").metrics.neutral == 2)
  }

  @Test func `a name has one bulkhead and one limiter, of whoever asks first`() async throws {
    let resilience = try resilience()
    let first = try resilience.api("shop") {
      $0.isBulkheadEnabled = true
      $0.bulkhead = .init(limit: 1)
      $0.isRateLimitEnabled = true
      $0.rateLimit = .init(permits: 1, per: .seconds(60), burst: 3)
    }
    let second = try resilience.cache("shop") {
      $0.isBulkheadEnabled = true
      $0.bulkhead = .init(limit: 10)
      $0.isRateLimitEnabled = true
      $0.rateLimit = .init(permits: 1000)
    }
    let latch = Latch()
    let call = SteppedCall { try await first.run { await latch.waitStubbornly() } }.goOn()
    #expect(call.result == nil)
    await #expect(throws: BulkheadFullError.self) { try await second.run {} }
    // One without a bulkhead is not held up; the limiter has one permit left for the other two.
    try await resilience.api("shop").run {}
    latch.open()
    await call.end()
    try await second.run {}
    await #expect(throws: RateLimitedError.self) { try await first.run {} }
    await #expect(throws: RateLimitedError.self) { try await second.run {} }
  }

  @Test func `retries of all names are paid from one budget`() async throws {
    let budget = try RetryBudget(
      .init(successPercent: 0, floorPerSecond: 0, mostSaved: 3, reserve: 3), clock: clock)
    let resilience = try resilience(budget: budget)
    #expect(resilience.budget === budget)
    func reason(_ name: String, isBudgetEnabled: Bool = true) async throws -> RetryExhaustedError {
      let pipeline = try resilience.api(name) {
        $0.baseDelay = .zero
        $0.maxAttempts = 3
        $0.isRetryBudgetEnabled = isBudgetEnabled
      }
      return try #require(
        await #expect(throws: RetryExhaustedError.self) {
          try await pipeline.run { throw PassingError() }
        })
    }
    #expect(try await reason("1").reason == .attempts)
    let second = try await reason("2")
    #expect(second.reason == .budget)
    #expect(second.attempts.count == 2)
    #expect(try await reason("3").attempts.count == 1)
    #expect(try await reason("3", isBudgetEnabled: false).attempts.count == 3)
  }

  @Test func `each name's calls that go well pay into it`() async throws {
    let budget = try RetryBudget(
      .init(successPercent: 100, floorPerSecond: 0, mostSaved: 30, reserve: 0), clock: clock)
    let resilience = try resilience(budget: budget)
    for name in ["1", "2", "3"] { try await resilience.api(name).run {} }
    #expect(budget.available == 3)
  }

  // MARK: - What is changed

  @Test func `what is turned off is left out`() async throws {
    let pipeline = try resilience().api("shop") {
      $0.isTimeoutEnabled = false
      $0.isRetryEnabled = false
      $0.isCircuitBreakerEnabled = false
    }
    for number in 0..<20 {
      await #expect(throws: PassingError(number)) {
        try await pipeline.run { throw PassingError(number) }
      }
    }
    #expect(pipeline.stages.isEmpty)
  }

  @Test func `all stages stand in the order of the table`() throws {
    let pipeline = try resilience().api("shop") {
      $0.deadline = .seconds(9)
      $0.isRateLimitEnabled = true
      $0.isBulkheadEnabled = true
    }
    let names = pipeline.stages.map { stage in
      switch stage {
      case .rateLimit: "rate limit"
      case .bulkhead: "bulkhead"
      case .circuitBreaker: "circuit breaker"
      case .retry: "retry"
      case .limit(let kind, let limit, _): "\(kind) \(limit)"
      }
    }
    #expect(
      names == [
        "call 9.0 seconds", "rate limit", "bulkhead", "circuit breaker", "retry",
        "attempt 60.0 seconds",
      ])
  }

  @Test func `what is out of range is refused, and leaves nothing`() throws {
    let resilience = try resilience()
    let error = #expect(throws: HoldfastError.self) {
      _ = try resilience.api("shop") { $0.maxAttempts = 0 }
    }
    #expect(error?.code == .invalidArgument)
    #expect(resilience.health().breakers.isEmpty)
    #expect(resilience.evictIdle(for: .zero) == 0)
    var settings = ResilienceSettings()
    settings[.ml].timeout = .zero
    #expect(throws: HoldfastError.self) { _ = try Resilience(settings) }
  }

  @Test func `turned off altogether, every call goes straight through`() async throws {
    var settings = ResilienceSettings()
    settings.isEnabled = false
    let resilience = try resilience(settings)
    let pipeline = try resilience.api("shop") {
      $0.deadline = .nanoseconds(1)
      $0.isBulkheadEnabled = true
      $0.isRateLimitEnabled = true
      $0.rateLimit = .init(permits: 1, per: .seconds(100))
    }
    for number in 0..<20 {
      await #expect(throws: PassingError(number)) {
        try await pipeline.run { throw PassingError(number) }
      }
    }
    let (clock, script) = (clock, script)
    #expect(
      try await pipeline.run {
        clock.advance(by: .seconds(1))
        return script.next()
      } == 1)
    let answer = try await pipeline.run {
      throw PassingError()
    } fallback: { _ in
      6
    }
    #expect(answer == 6)
    #expect(resilience.health().breakers.isEmpty)
  }

  // MARK: - Looking after them

  @Test func `health says which are open`() async throws {
    let resilience = try resilience()
    #expect(resilience.health().overall == .healthy)
    let (good, bad) = try (
      resilience.api("good"), resilience.api("bad") { $0.failureThreshold = 1 }
    )
    try await good.run {}
    await fail(bad)
    let health = resilience.health()
    #expect(health.overall == .unhealthy)
    #expect(health.open == ["bad"])
    #expect(health.breakers["good"]?.successes == 1)
  }

  @Test func `a reset begins anew`() async throws {
    let budget = try RetryBudget(
      .init(successPercent: 0, floorPerSecond: 0, mostSaved: 2, reserve: 2), clock: clock)
    let resilience = try resilience(budget: budget)
    let pipeline = try resilience.api("shop") {
      $0.failureThreshold = 1
      $0.isRateLimitEnabled = true
      $0.rateLimit = .init(permits: 1, per: .seconds(100), burst: 1)
      $0.isBulkheadEnabled = true
    }
    await fail(pipeline)
    #expect(budget.take() && budget.take() && !budget.take())
    resilience.reset()
    #expect(resilience.health().overall == .healthy)
    #expect(resilience.health().failures == 0)
    #expect(budget.available == 2)
    guard case .bulkhead(let bulkhead) = pipeline.stages[1] else { throw LastingError() }
    #expect(bulkhead.figures.admitted == 0)
    try await pipeline.run {}
  }

  @Test func `names that nobody uses are forgotten`() throws {
    let resilience = try resilience()
    var held: ResiliencePipeline? = try resilience.api("held")
    _ = try resilience.api("old")
    _ = try resilience.cache("old")
    _ = try resilience.api("never kept") { $0.maxAttempts = 2 }
    clock.advance(by: .seconds(600))
    _ = try resilience.api("new")
    #expect(resilience.evictIdle(for: .seconds(600) + .nanoseconds(1)) == 0)
    #expect(resilience.evictIdle() == 2)
    #expect(try resilience.api("held") === held)
    #expect(resilience.evictIdle(for: .zero) == 1)
    held = nil
    #expect(resilience.evictIdle(for: .zero) == 1)
    #expect(resilience.evictIdle(for: .zero) == 0)
  }

  @Test func `names that are asked for again are not`() throws {
    let resilience = try resilience()
    func ask() throws {
      _ = try resilience.api("kept")
      _ = try resilience.api("made each time") { $0.maxAttempts = 2 }
    }
    try ask()
    clock.advance(by: .seconds(600))
    try ask()
    #expect(resilience.evictIdle() == 0)
    clock.advance(by: .seconds(600))
    #expect(resilience.evictIdle() == 2)
  }

  /// The clock is read as a name is asked for, and as its breaker is made.
  @Test func `of two that make the same pipeline the first counts`() throws {
    let resilience = try resilience()
    let clock = clock
    let first = Noted<ResiliencePipeline?>(nil)
    clock.atNextRead {
      clock.atNextRead {
        let made = try? resilience.api("shop")
        first.change { $0 = made }
      }
    }
    let second = try resilience.api("shop")
    #expect(first.value === second)
    #expect(try resilience.api("shop") === second)
  }

  @Test func `a name whose call is under way is not forgotten`() async throws {
    let resilience = try resilience()
    @Sendable func pipeline() throws -> ResiliencePipeline {
      try resilience.api("shop") {
        $0.isBulkheadEnabled = true
        $0.bulkhead = .init(limit: 1)
      }
    }
    let latch = Latch()
    let call = SteppedCall {
      try await pipeline().run { await latch.waitStubbornly() }
    }.goOn()
    #expect(resilience.evictIdle(for: .zero) == 0)
    // The same bulkhead still.
    await #expect(throws: BulkheadFullError.self) { try await pipeline().run {} }
    clock.advance(by: .seconds(60))
    await call.whenReady()
    call.cancel()
    #expect(await call.end().error is TimeoutError)
    // Its body goes on without it.
    #expect(resilience.evictIdle(for: .zero) == 0)
    await #expect(throws: BulkheadFullError.self) { try await pipeline().run {} }
    latch.open()
    await eventually { resilience.evictIdle(for: .zero) == 1 }
    try await pipeline().run {}
  }

  @Test func `run forgets them from time to time, until it is cancelled`() async throws {
    let resilience = try resilience()
    _ = try resilience.api("old")
    let task = Task { try await resilience.run() }
    for minute in 1...11 {
      await clock.whenAsleep(until: .seconds(60 * minute))
      clock.advance(by: .seconds(60))
    }
    await clock.whenAsleep(until: .seconds(60 * 12))
    #expect(resilience.evictIdle(for: .zero) == 0)
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  // MARK: - The one of the process

  /// The only test that uses it.
  @Test func `the functions of the type use the one that all share`() async throws {
    let resilience = try resilience()
    let before = try Resilience.shared
    #expect(try Resilience.shared === before)
    Resilience.bootstrap(resilience)
    defer { Resilience.bootstrap(before) }
    #expect(try Resilience.shared === resilience)
    #expect(try Resilience.database("a") === resilience.database("a"))
    #expect(try Resilience.cache("a") === resilience.cache("a"))
    #expect(try Resilience.api("a") === resilience.api("a"))
    #expect(try Resilience.file("a") === resilience.file("a"))
    #expect(try Resilience.ml("a") === resilience.ml("a"))
    #expect(try Resilience.custom("a") === resilience.custom("a"))
    #expect(try Resilience.api().name == "HoldfastTests/ResilienceTests.swift:\(#line)")
    try await Resilience.api("a").run {}
    #expect(resilience.health().breakers["a"]?.successes == 1)
    #expect(before.health().breakers["a"] == nil)
  }

  // MARK: - Together

  @Test func `many tasks that ask for the same name get the same pipeline`() async throws {
    let resilience = try resilience()
    let found = try await withThrowingTaskGroup(of: ResiliencePipeline.self) { group in
      for number in 0..<400 {
        group.addTask { try resilience.api("shop \(number % 4)") }
        if number % 10 == 0 {
          group.addTask {
            resilience.evictIdle(for: .seconds(1)); return try resilience.ml("x")
          }
        }
      }
      var found: [ResiliencePipeline] = []
      for try await pipeline in group { found.append(pipeline) }
      return found
    }
    #expect(Set(found.map(ObjectIdentifier.init)).count == 5)
  }

  @Test func `a name that is too long is refused, whatever is on, and not kept`() throws {
    let resilience = try Resilience()
    let name = String(repeating: "é", count: 2049)
    #expect(throws: HoldfastError.self) {
      try resilience.custom(name) { $0.isCircuitBreakerEnabled = false }
    }
    #expect(resilience.evictIdle(for: .zero) == 0)
    _ = try resilience.custom(String(name.dropLast())) { $0.isCircuitBreakerEnabled = false }
    #expect(resilience.evictIdle(for: .zero) == 1)
  }
}
