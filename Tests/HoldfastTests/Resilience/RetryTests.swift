import Testing

@testable import Holdfast

/// Which errors are tried again, when, and what is thrown when they are not any more.
@Suite(.timeLimit(.minutes(2))) struct RetryTests {
  private let time = SteppedTime()
  private let script = Script()

  /// A call that fails with `PassingError(1)`, `PassingError(2)`, …, and returns its number at the
  /// attempt after the last of these.
  private func call(
    _ policy: RetryPolicy, budget: RetryBudget? = nil, failures: Int = .max,
    within outer: [ResilienceStage] = [], around inner: [ResilienceStage] = []
  ) throws -> SteppedCall<Int> {
    let pipeline = try ResiliencePipeline(
      outer + [.retry(policy, budget: budget, seed: 1)] + inner, time)
    return SteppedCall { [script] in
      try await pipeline.run {
        let number = script.next()
        if number <= failures { throw PassingError(number) }
        return number
      }
    }
  }

  private func exhausted<Value>(_ call: SteppedCall<Value>) -> RetryExhaustedError? {
    call.error as? RetryExhaustedError
  }

  // MARK: - Which errors

  @Test func `an error that may pass is tried again, after the delays of the policy`() throws {
    let call = try call(.plain(attempts: 4), failures: 3).goOn()
    #expect(script.count == 1)
    for (retry, delay) in [1, 2, 4].enumerated() {
      time.advance(by: .seconds(delay) - .nanoseconds(1))
      call.goOn()
      #expect(script.count == retry + 1)
      time.advance(by: .nanoseconds(1))
      call.goOn()
      #expect(script.count == retry + 2)
    }
    #expect(call.value == 4)
    #expect(time.timers.armed == 0)
  }

  @Test func `an error that will not pass is thrown as it is, at once`() throws {
    let pipeline = try ResiliencePipeline([.retry(.plain())], time)
    let call = SteppedCall { [script] in
      try await pipeline.run {
        script.next()
        throw LastingError()
      }
    }.goOn()
    #expect(call.error is LastingError)
    #expect(script.count == 1)
    #expect(pipeline.figures.exhausted == 0)
  }

  @Test func `one that will not pass ends the retries of others, and is thrown as it is`() throws {
    let pipeline = try ResiliencePipeline([.retry(.plain(attempts: 9))], time)
    let call = SteppedCall { [script] in
      try await pipeline.run {
        if script.next() == 1 { throw PassingError() }
        throw LastingError()
      }
    }.goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    #expect(call.error is LastingError)
    #expect(script.count == 2)
    #expect(pipeline.figures.retries == 1)
  }

  @Test func `a policy says itself which errors`() throws {
    var policy = RetryPolicy.plain()
    policy.retries = { $0 is LastingError }
    let pipeline = try ResiliencePipeline([.retry(policy)], time)
    let passing = SteppedCall { try await pipeline.run { throw PassingError() } }.goOn()
    #expect(passing.error as? PassingError == PassingError())
    let lasting = SteppedCall { [script] in
      try await pipeline.run {
        if script.next() == 1 { throw LastingError() }
      }
    }.goOn()
    #expect(lasting.result == nil)
    time.advance(by: .seconds(1))
    #expect(lasting.goOn().value != nil)
  }

  @Test func `a cancellation is never tried again, whatever the policy says`() throws {
    var policy = RetryPolicy.plain()
    policy.retries = { _ in true }
    let pipeline = try ResiliencePipeline([.retry(policy)], time)
    let call = SteppedCall { [script] in
      try await pipeline.run {
        script.next()
        throw CancellationError()
      }
    }.goOn()
    #expect(call.error is CancellationError)
    #expect(script.count == 1)
  }

  @Test func `an attempt that took too long is tried again`() throws {
    let latch = Latch()
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(5))], time)
    let call = SteppedCall { [script] in
      try await pipeline.run {
        if script.next() == 1 { await latch.waitStubbornly() }
        return 7
      }
    }.goOn()
    time.advance(by: .seconds(5))
    call.goOn()
    time.advance(by: .seconds(1))
    #expect(call.goOn().value == 7)
    #expect(pipeline.figures.timeouts == 1)
    #expect(pipeline.figures.retries == 1)
    latch.open()
  }

  // MARK: - How often

  @Test func `with one attempt its error is thrown as it is`() throws {
    let call = try call(.plain(attempts: 1)).goOn()
    #expect(call.error as? PassingError == PassingError(1))
  }

  @Test func `after the last attempt all of them are reported, with their times`() throws {
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(5))], time)
    let clock = time.clock
    time.advance(by: .seconds(77))
    let call = SteppedCall { [script] in
      try await pipeline.run {
        let number = script.next()
        // Attempts that take 10, 20 and 30 ms.
        clock.advance(by: .milliseconds(10 * number))
        throw PassingError(number)
      }
    }.goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    let error = try #require(exhausted(call))
    #expect(error.operation == "orders")
    #expect(error.reason == .attempts)
    #expect(error.code == .retriesExhausted)
    #expect(error.attempts.map { $0.error as? PassingError } == (1...3).map { PassingError($0) })
    #expect(error.lastError as? PassingError == PassingError(3))
    #expect(error.attempts.map(\.duration) == [10, 20, 30].map { .milliseconds($0) })
    #expect(error.attempts.map(\.delay) == [.zero, .seconds(1), .seconds(2)])
    #expect(error.attempts.map(\.began) == [0, 1010, 3030].map { .milliseconds($0) })
    #expect(pipeline.figures.exhausted == 1)
    #expect(pipeline.figures.retries == 2)
  }

  /// With as many permits as attempts may reach the body.
  private func refused(after permits: Int) throws -> RetryExhaustedError {
    var policy = RetryPolicy.plain(attempts: 3)
    policy.retries = { _ in true }
    policy.retryAfter = { _ in nil }
    let limiter = try RateLimiter(
      "x", .init(permits: 1, per: .seconds(1000), burst: 2), timers: time.timers)
    try limiter.take(2 - permits)
    time.advance(by: .seconds(50))
    let pipeline = try ResiliencePipeline(
      [.retry(policy), .rateLimit(limiter), .timeout(.seconds(5))], time)
    let clock = time.clock
    let call = SteppedCall {
      try await pipeline.run {
        clock.advance(by: .milliseconds(10))
        throw PassingError()
      }
    }.goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    time.advance(by: .seconds(2))
    return try #require(exhausted(call.goOn()))
  }

  @Test func `attempts that reached no body are reported with their own times`() throws {
    let none = try refused(after: 0)
    #expect(none.attempts.map(\.duration) == [.zero, .zero, .zero])
    #expect(none.attempts.map(\.began) == [.zero, .seconds(1), .seconds(3)])
    let one = try refused(after: 1)
    #expect(one.attempts.map(\.duration) == [.milliseconds(10), .zero, .zero])
    #expect(one.attempts.map(\.began) == [0, 1010, 3010].map { .milliseconds($0) })
  }

  @Test func `what is exhausted says so in words`() throws {
    let attempt = RetryExhaustedError.Attempt(
      error: PassingError(3), began: .zero, duration: .zero, delay: .zero)
    func text(_ reason: RetryExhaustedError.Reason, _ times: Int) -> String {
      RetryExhaustedError(
        operation: "a\nb", reason: reason, attempts: Array(repeating: attempt, count: times)
      ).description
    }
    #expect(
      text(.attempts, 3)
        == "retries_exhausted: 'a b' failed 3 times: PassingError(number: 3)")
    #expect(text(.budget, 1).contains("failed once, and the retry budget is used up: Passing"))
    #expect(text(.deadline, 2).contains("failed 2 times, and there is no time left"))
    #expect(text(.retryAfter, 2).contains("the server asks to wait longer"))
    #expect(text(.bulkhead, 2).contains("attempts that do not end take all places"))
    #expect(RetryExhaustedError(operation: "x", reason: .attempts, attempts: []).lastError == nil)
  }

  // MARK: - Delays

  private static func exactly(_ seconds: Double) -> Duration {
    .nanoseconds(Int64((seconds * 1e9).rounded()))
  }

  @Test func `delays are those that were recorded`() throws {
    let rows = try Conformance.rows("retry_delays.jsonl", as: Conformance.RetryDelayRow.self)
    #expect(rows.count == 47)
    for row in rows {
      var policy = RetryPolicy()
      policy.maxAttempts = row.maxAttempts
      policy.baseDelay = Self.exactly(row.baseDelay)
      policy.maxDelay = Self.exactly(row.maxDelay)
      policy.exponentialBase = 2
      // It is without, whatever it is.
      #expect(try policy.delays() == row.delays.map(Self.exactly), "\(row.id)")
      policy.jitter = .none
      #expect(try policy.delays() == row.delays.map(Self.exactly), "\(row.id)")

      let time = SteppedTime()
      let pipeline = try ResiliencePipeline([.retry(policy)], time)
      let call = SteppedCall { try await pipeline.run { throw PassingError() } }.goOn()
      for delay in row.delays.dropFirst() {
        #expect(call.result == nil)
        time.advance(by: Self.exactly(delay))
        call.goOn()
      }
      if row.maxAttempts == 1 {
        #expect(call.error is PassingError, "\(row.id)")
      } else {
        #expect(exhausted(call)?.attempts.map(\.delay) == row.delays.map(Self.exactly), "\(row.id)")
      }
    }
  }

  /// The delays of one call of four attempts.
  private func delays(
    _ jitter: Jitter, seed: UInt64, base: Duration = .seconds(1)
  ) throws -> [Duration] {
    let time = SteppedTime()
    var policy = RetryPolicy.plain(attempts: 5)
    policy.baseDelay = base
    policy.jitter = jitter
    let pipeline = try ResiliencePipeline([.retry(policy, seed: seed)], time)
    let call = SteppedCall { try await pipeline.run { throw PassingError() } }.goOn()
    while call.result == nil {
      time.advance(by: .seconds(100))
      call.goOn()
    }
    return try #require(exhausted(call)).attempts.dropFirst().map(\.delay)
  }

  @Test(arguments: Jitter.allCases)
  func `the same seed gives the same delays`(_ jitter: Jitter) throws {
    let delays = try delays(jitter, seed: 42)
    #expect(try self.delays(jitter, seed: 42) == delays)
    #expect(try (self.delays(jitter, seed: 43) == delays) == (jitter == .none))
    #expect(Set(delays).count == 4)
  }

  @Test func `jitter keeps delays where it should`() throws {
    for seed in UInt64(0)..<50 {
      for (delay, most) in try zip(delays(.full, seed: seed), [1, 2, 4, 8]) {
        #expect(delay >= .zero && delay <= .seconds(most))
      }
      for (delay, most) in try zip(delays(.equal, seed: seed), [1, 2, 4, 8]) {
        #expect(delay >= .seconds(most) / 2 && delay <= .seconds(most))
      }
      var before = Duration.seconds(1)
      for delay in try delays(.decorrelated, seed: seed) {
        #expect(delay >= .seconds(1) && delay <= min(before * 3, .seconds(60)))
        before = delay
      }
    }
  }

  @Test func `without a delay it is tried again at once`() throws {
    var policy = RetryPolicy.plain(attempts: 5)
    policy.baseDelay = .zero
    let call = try call(policy, failures: 4).goOn()
    #expect(call.value == 5)
  }

  @Test func `what is out of range is refused, by name`() {
    func check(_ part: String, _ change: (inout RetryPolicy) -> Void) {
      var policy = RetryPolicy()
      change(&policy)
      let error = #expect(throws: HoldfastError.self) {
        _ = try ResiliencePipeline([.retry(policy)], time)
      }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.contains(part) == true, "\(part): \(String(describing: error))")
      #expect(throws: HoldfastError.self) { _ = try policy.delays() }
    }
    check("maxAttempts is 0; it may be 1 to 1000") { $0.maxAttempts = 0 }
    check("maxAttempts is 1001") { $0.maxAttempts = 1001 }
    check("baseDelay") { $0.baseDelay = .seconds(-1) }
    check("baseDelay") { $0.baseDelay = .seconds(86_401) }
    check("maxDelay") { $0.maxDelay = .seconds(86_401) }
    check("longestRetryAfter") { $0.longestRetryAfter = .seconds(-1) }
    check("exponentialBase") { $0.exponentialBase = 0.5 }
    check("exponentialBase") { $0.exponentialBase = .nan }
  }

  // MARK: - What the server asks for

  private struct BusyError: TransientError, RetryAfterError {
    let retryAfter: Duration?
    var isTransient: Bool { true }
  }

  private func delay(asked: Duration?, longest: Duration = .seconds(60)) throws -> Duration? {
    let time = SteppedTime()
    var policy = RetryPolicy.plain(attempts: 2)
    policy.longestRetryAfter = longest
    let pipeline = try ResiliencePipeline([.retry(policy)], time)
    let call = SteppedCall { try await pipeline.run { throw BusyError(retryAfter: asked) } }.goOn()
    if let error = exhausted(call) {
      #expect(error.reason == .retryAfter)
      #expect(error.attempts.count == 1)
      return nil
    }
    time.advance(by: .seconds(100))
    let error = try #require(exhausted(call.goOn()))
    #expect(error.reason == .attempts)
    return error.attempts.last?.delay
  }

  @Test func `a server is given the delay that it asks for, if that is longer`() throws {
    #expect(try delay(asked: .seconds(30)) == .seconds(30))
    #expect(try delay(asked: .milliseconds(1)) == .seconds(1))
    #expect(try delay(asked: .zero) == .seconds(1))
    #expect(try delay(asked: .seconds(-5)) == .seconds(1))
    #expect(try delay(asked: nil) == .seconds(1))
    #expect(try delay(asked: .seconds(60)) == .seconds(60))
  }

  @Test func `one that asks for too much is not asked again`() throws {
    #expect(try delay(asked: .seconds(60) + .nanoseconds(1)) == nil)
    #expect(try delay(asked: .seconds(1), longest: .zero) == nil)
    #expect(try delay(asked: .seconds(Int64.max)) == nil)
  }

  @Test func `delays of the server's do not grow those of the policy`() throws {
    let pipeline = try ResiliencePipeline([.retry(.plain(attempts: 4))], time)
    let call = SteppedCall { [script] in
      try await pipeline.run {
        throw BusyError(retryAfter: script.next() == 1 ? .seconds(50) : nil)
      }
    }.goOn()
    for _ in 0..<3 {
      time.advance(by: .seconds(50))
      call.goOn()
    }
    #expect(exhausted(call)?.attempts.map(\.delay) == [0, 50, 2, 4].map { .seconds($0) })
  }

  @Test func `nor those that grow with the delay before`() throws {
    func delays(asked: Duration?) throws -> [Duration] {
      let (time, script) = (SteppedTime(), Script())
      var policy = RetryPolicy.plain(attempts: 5)
      policy.jitter = .decorrelated
      let pipeline = try ResiliencePipeline([.retry(policy, seed: 3)], time)
      let call = SteppedCall {
        try await pipeline.run { throw BusyError(retryAfter: script.next() == 1 ? asked : nil) }
      }.goOn()
      while call.result == nil {
        time.advance(by: .seconds(100))
        call.goOn()
      }
      return try #require(exhausted(call)).attempts.map(\.delay)
    }
    let (asked, plain) = try (delays(asked: .seconds(60)), delays(asked: nil))
    #expect(asked[1] == .seconds(60))
    #expect(asked.dropFirst(2) == plain.dropFirst(2))
  }

  // MARK: - The budget

  @Test func `without budget it is not tried again`() throws {
    let budget = try RetryBudget(
      .init(successPercent: 0, floorPerSecond: 0, mostSaved: 2, reserve: 2), clock: time.clock)
    let call = try call(.plain(attempts: 9), budget: budget).goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    let error = try #require(exhausted(call))
    #expect(error.reason == .budget)
    #expect(error.attempts.count == 3)
    #expect(time.timers.armed == 0)
  }

  @Test func `each call that succeeds pays its share, once`() throws {
    let budget = try RetryBudget(
      .init(successPercent: 100, floorPerSecond: 0, mostSaved: 50, reserve: 0), clock: time.clock)
    let pipeline = try ResiliencePipeline([.retry(.plain(), budget: budget)], time)
    SteppedCall { try await pipeline.run {} }.goOn()
    #expect(budget.available == 1)
    let failing = SteppedCall { try await pipeline.run { throw LastingError() } }.goOn()
    #expect(failing.error is LastingError)
    #expect(budget.available == 1)
    let retried = SteppedCall { [script] in
      try await pipeline.run { if script.next() == 1 { throw PassingError() } }
    }.goOn()
    #expect(budget.available == 0)
    time.advance(by: .seconds(1))
    #expect(retried.goOn().value != nil)
    #expect(budget.available == 1)
  }

  @Test func `a delay that would not be waited for takes nothing of the budget`() throws {
    let budget = try RetryBudget(
      .init(successPercent: 0, floorPerSecond: 0, mostSaved: 5, reserve: 5), clock: time.clock)
    let late = try call(.plain(), budget: budget, within: [.deadline(.milliseconds(500))]).goOn()
    #expect(exhausted(late)?.reason == .deadline)
    #expect(budget.available == 5)
    let last = try call(.plain(attempts: 1), budget: budget).goOn()
    #expect(last.error is PassingError)
    #expect(budget.available == 5)
  }

  // MARK: - Time

  @Test func `a delay to the deadline or beyond is not waited for`() throws {
    let enough = try call(
      .plain(), failures: 1, within: [.deadline(.seconds(1) + .nanoseconds(1))]
    ).goOn()
    time.advance(by: .seconds(1))
    #expect(enough.goOn().value == 2)

    let tooLong = try call(.plain(), within: [.deadline(.seconds(1))]).goOn()
    let error = try #require(exhausted(tooLong))
    #expect(error.reason == .deadline)
    #expect(error.attempts.count == 1)
    #expect(time.timers.armed == 0)
  }
}
