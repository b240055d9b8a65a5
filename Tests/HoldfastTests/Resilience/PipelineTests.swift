import Testing

@testable import Holdfast

/// What each stage does, in which order, and what a caller gets.
@Suite(.timeLimit(.minutes(2))) struct PipelineTests {
  private let time = SteppedTime()
  private let script = Script()

  private func breaker(
    failures: Int = 2,
    classify: @escaping @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure }
  ) throws -> CircuitBreaker {
    var options = CircuitBreaker.Options()
    options.failureThreshold = failures
    options.openTime = .seconds(60)
    return try CircuitBreaker("shop", options: options, clock: time.clock, classify: classify)
  }

  private func limiter(burst: Int = 1, longestWait: Duration = .zero) throws -> RateLimiter {
    try RateLimiter(
      "often", .init(permits: 1, per: .seconds(10), burst: burst, longestWait: longestWait),
      timers: time.timers)
  }

  private func bulkhead(limit: Int = 1, queue: Int = 0) throws -> Bulkhead {
    try Bulkhead("place", .init(limit: limit, queue: queue), timers: time.timers)
  }

  /// A call that fails as often, and returns the number of the attempt then.
  private func call(_ pipeline: ResiliencePipeline, failures: Int = 0) -> SteppedCall<Int> {
    SteppedCall { [script] in
      try await pipeline.run {
        let number = script.next()
        if number <= failures { throw PassingError(number) }
        return number
      }
    }.goOn()
  }

  private func trip(_ breaker: CircuitBreaker) {
    while breaker.metrics.state == .closed {
      try? breaker.run { throw PassingError() }
    }
  }

  // MARK: - None, and all

  @Test func `without stages every call goes straight through`() throws {
    let pipeline = try ResiliencePipeline([], time)
    #expect(call(pipeline).value == 1)
    #expect(call(pipeline, failures: 9).error as? PassingError == PassingError(2))
    #expect(time.clock.readCount <= 20)
  }

  @Test func `a call that goes well leaves nothing taken`() throws {
    let (limiter, bulkhead, breaker) = try (limiter(burst: 9), bulkhead(), breaker())
    let pipeline = try ResiliencePipeline(
      [
        .deadline(.seconds(9)), .rateLimit(limiter), .bulkhead(bulkhead),
        .circuitBreaker(breaker), .retry(.plain()), .timeout(.seconds(2)),
      ], time)
    for number in 1...5 { #expect(call(pipeline).value == number) }
    #expect(limiter.available == 4)
    #expect(bulkhead.figures.inUse == 0)
    #expect(bulkhead.figures.admitted == 5)
    #expect(breaker.metrics.successes == 5)
    #expect(time.timers.armed == 0)
    #expect(
      pipeline.figures
        == .init(retries: 0, exhausted: 0, timeouts: 0, rejected: 0, abandoned: 0))
  }

  @Test func `there may be sixty-four stages, and no more`() throws {
    // The places of the outermost and the innermost are told apart.
    let bulkheads = try (0..<64).map { _ in try bulkhead() }
    let pipeline = try ResiliencePipeline(bulkheads.map { .bulkhead($0) }, time)
    let call = SteppedCall {
      try await pipeline.run { bulkheads.map(\.figures.inUse) }
    }.goOn()
    #expect(call.value == Array(repeating: 1, count: 64))
    #expect(bulkheads.allSatisfy { $0.figures.inUse == 0 })
    let error = #expect(throws: HoldfastError.self) {
      _ = try ResiliencePipeline(Array(repeating: .deadline(.seconds(1)), count: 65), time)
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("this one has 65") == true)
  }

  @Test func `the last of sixty-four bulkheads is given back by an abandoned body`() async throws {
    let latch = Latch()
    let bulkheads = try (0..<63).map { _ in try bulkhead() }
    let pipeline = try ResiliencePipeline(
      [.timeout(.seconds(1))] + bulkheads.map { .bulkhead($0) }, time)
    let call = SteppedCall { try await pipeline.run { await latch.waitStubbornly() } }.goOn()
    time.advance(by: .seconds(1))
    #expect(call.goOn().error is TimeoutError)
    #expect(bulkheads.allSatisfy { $0.figures.abandoned == 1 && $0.figures.inUse == 1 })
    latch.open()
    await eventually { bulkheads.allSatisfy { $0.figures.inUse == 0 } }
    #expect(bulkheads.allSatisfy { $0.figures.abandoned == 0 })
  }

  // MARK: - Refusals

  @Test func `whoever is outermost refuses first`() throws {
    let (limiter, bulkhead, breaker) = try (limiter(), bulkhead(), breaker())
    try limiter.take()
    let permit = try bulkhead.taken()
    trip(breaker)
    let stages: [ResilienceStage] = [
      .rateLimit(limiter), .bulkhead(bulkhead), .circuitBreaker(breaker),
    ]
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]] {
      let pipeline = try ResiliencePipeline(order.map { stages[$0] } + [.retry()], time)
      let error = call(pipeline).error
      switch order[0] {
      case 0: #expect((error as? RateLimitedError)?.limiter == "often")
      case 1: #expect((error as? BulkheadFullError)?.bulkhead == "place")
      default: #expect((error as? CircuitOpenError)?.breaker == "shop")
      }
      #expect(pipeline.figures.rejected == 1)
      #expect(pipeline.figures.exhausted == 0)
    }
    #expect(script.count == 0)
    #expect(time.timers.armed == 0)
    // Who was let in before has given its place back.
    permit.release()
    #expect(bulkhead.figures.inUse == 0)
  }

  @Test func `what is refused is not tried again, and no failure of the service`() throws {
    let (limiter, bulkhead, outer) = try (limiter(), bulkhead(), breaker(failures: 1))
    try limiter.take()
    let permit = try bulkhead.taken()
    let inner = try breaker()
    trip(inner)
    for stage in [ResilienceStage.rateLimit(limiter), .bulkhead(bulkhead), .circuitBreaker(inner)] {
      let pipeline = try ResiliencePipeline(
        [.circuitBreaker(outer), .retry(.plain()), stage], time)
      #expect(call(pipeline).error != nil)
    }
    #expect(outer.metrics.state == .closed)
    #expect(outer.metrics.failures == 0)
    #expect(outer.metrics.neutral == 3)
    #expect(script.count == 0)
    permit.release()
  }

  @Test func `nor is what is refused until retries are exhausted`() throws {
    let (limiter, breaker) = try (limiter(), breaker(failures: 1))
    try limiter.take()
    var policy = RetryPolicy.plain()
    policy.retries = { _ in true }
    policy.retryAfter = { _ in nil }
    let pipeline = try ResiliencePipeline(
      [.circuitBreaker(breaker), .retry(policy), .rateLimit(limiter)], time)
    let call = call(pipeline)
    time.advance(by: .seconds(1))
    call.goOn()
    time.advance(by: .seconds(2))
    #expect((call.goOn().error as? RetryExhaustedError)?.lastError is RateLimitedError)
    #expect(breaker.metrics.failures == 0)
    #expect(breaker.metrics.neutral == 1)
  }

  @Test func `a permit that comes in time is waited for`() throws {
    let limiter = try limiter(longestWait: .seconds(30))
    try limiter.take()
    let pipeline = try ResiliencePipeline([.rateLimit(limiter)], time)
    let call = call(pipeline)
    time.advance(by: .seconds(10) - .nanoseconds(1))
    #expect(!call.isReady)
    time.advance(by: .nanoseconds(1))
    #expect(call.goOn().value == 1)
    #expect(limiter.figures.waited == 1)
  }

  @Test func `a permit that comes after the deadline is not waited for`() throws {
    let limiter = try limiter(longestWait: .seconds(30))
    try limiter.take()
    let pipeline = try ResiliencePipeline([.deadline(.seconds(9)), .rateLimit(limiter)], time)
    #expect(call(pipeline).error is RateLimitedError)
    #expect(pipeline.figures.rejected == 1)
    #expect(pipeline.figures.timeouts == 0)
  }

  @Test func `places are given in the order of asking`() async throws {
    let bulkhead = try bulkhead(limit: 1, queue: 5)
    let pipeline = try ResiliencePipeline([.bulkhead(bulkhead), .timeout(.seconds(9))], time)
    let latch = Latch()
    let first = SteppedCall { try await pipeline.run { await latch.waitStubbornly() } }.goOn()
    let others = (0..<3).map { _ in call(pipeline) }
    #expect(bulkhead.figures.waiting == 3)
    latch.open()
    await first.end()
    // From the last on: each can go on only after the one before it has.
    for call in others.reversed() { #expect(call.isReady == (call === others[0])) }
    for (index, call) in others.enumerated() { #expect(call.goOn().value == index + 1) }
    #expect(bulkhead.figures.inUse == 0)
  }

  // MARK: - Order

  @Test func `a body of a cancelled caller does not begin, whatever the stages`() throws {
    for stages in try [
      [], [ResilienceStage.circuitBreaker(breaker())], [.retry(.plain())], [.timeout(.seconds(1))],
    ] {
      let pipeline = try ResiliencePipeline(stages, time)
      let call = SteppedCall { [script] in try await pipeline.run { script.next() } }
      call.cancel()
      #expect(call.goOn().error is CancellationError)
      #expect(script.count == 0)
    }
  }

  @Test func `a call that is too late says nothing of the service when it was cancelled`() throws {
    let breaker = try breaker()
    let latch = Latch()
    let pipeline = try ResiliencePipeline([.deadline(.seconds(3)), .circuitBreaker(breaker)], time)
    let call = SteppedCall { try await pipeline.run { await latch.waitStubbornly() } }.goOn()
    call.cancel()
    time.advance(by: .seconds(3))
    #expect(call.goOn().error is TimeoutError)
    #expect(breaker.metrics.failures == 0)
    #expect(breaker.metrics.neutral == 1)
    latch.open()
  }

  @Test func `outside of the retries a breaker counts calls`() throws {
    let breaker = try breaker()
    let pipeline = try ResiliencePipeline([.circuitBreaker(breaker), .retry(.plain())], time)
    let good = call(pipeline, failures: 2)
    time.advance(by: .seconds(1))
    good.goOn()
    time.advance(by: .seconds(2))
    #expect(good.goOn().value == 3)
    #expect(breaker.metrics.successes == 1)
    #expect(breaker.metrics.failures == 0)

    let bad = call(pipeline, failures: 99)
    time.advance(by: .seconds(1))
    bad.goOn()
    time.advance(by: .seconds(2))
    #expect(bad.goOn().error is RetryExhaustedError)
    #expect(breaker.metrics.failures == 1)
  }

  @Test func `within the retries it counts attempts, and ends them when it opens`() throws {
    let breaker = try breaker(failures: 2)
    let pipeline = try ResiliencePipeline(
      [.retry(.plain(attempts: 9)), .circuitBreaker(breaker)], time)
    let call = call(pipeline, failures: 99)
    #expect(breaker.metrics.failures == 1)
    time.advance(by: .seconds(1))
    call.goOn()
    #expect(breaker.metrics.state == .open)
    time.advance(by: .seconds(2))
    #expect(call.goOn().error is CircuitOpenError)
    #expect(script.count == 2)
  }

  @Test func `of exhausted retries the last error is what a breaker is told`() throws {
    let asked = Noted<[PassingError?]>([])
    let breaker = try breaker {
      let error = $0 as? PassingError
      asked.change { $0.append(error) }
      return .neutral
    }
    let pipeline = try ResiliencePipeline(
      [.circuitBreaker(breaker), .retry(.plain(attempts: 2))], time)
    let call = call(pipeline, failures: 99)
    time.advance(by: .seconds(1))
    #expect(call.goOn().error is RetryExhaustedError)
    #expect(asked.value == [PassingError(2)])
    #expect(breaker.metrics.neutral == 1)
  }

  @Test func `a time-out is a failure of the service, a wait for a place is not`() throws {
    let latch = Latch()
    for (kind, stages) in [
      (TimeoutError.Kind.attempt, [ResilienceStage.timeout(.seconds(2))]),
      (.call, []),
    ] {
      let breaker = try breaker()
      let pipeline = try ResiliencePipeline(
        [.deadline(.seconds(3)), .circuitBreaker(breaker)] + stages, time)
      let call = SteppedCall { try await pipeline.run { await latch.waitStubbornly() } }.goOn()
      time.advance(by: .seconds(3))
      #expect((call.goOn().error as? TimeoutError)?.kind == kind)
      #expect(breaker.metrics.failures == 1)
    }
    latch.open()
    let (breaker, bulkhead) = try (breaker(), bulkhead(queue: 1))
    let permit = try bulkhead.taken()
    let pipeline = try ResiliencePipeline(
      [.deadline(.seconds(3)), .circuitBreaker(breaker), .bulkhead(bulkhead)], time)
    let call = call(pipeline)
    time.advance(by: .seconds(3))
    #expect((call.goOn().error as? TimeoutError)?.kind == .call)
    #expect(breaker.metrics.failures == 0)
    #expect(breaker.metrics.neutral == 1)
    permit.release()
  }

  @Test func `the place is kept during delays, outside of the retries only`() throws {
    let bulkhead = try bulkhead()
    for (stages, inDelay) in [
      ([ResilienceStage.bulkhead(bulkhead), .retry(.plain())], 1),
      ([.retry(.plain()), .bulkhead(bulkhead)], 0),
    ] {
      let script = Script()
      let pipeline = try ResiliencePipeline(stages, time)
      let call = SteppedCall {
        try await pipeline.run { if script.next() == 1 { throw PassingError() } }
      }.goOn()
      #expect(bulkhead.figures.inUse == inDelay)
      time.advance(by: .seconds(1))
      #expect(call.goOn().value != nil)
      #expect(bulkhead.figures.inUse == 0)
    }
  }

  @Test func `a limit around the retries is over for all attempts`() throws {
    let latch = Latch()
    let pipeline = try ResiliencePipeline([.timeout(.seconds(4)), .retry(.plain())], time)
    let call = SteppedCall { [script] in
      try await pipeline.run {
        if script.next() == 1 { throw PassingError(1) }
        await latch.waitStubbornly()
      }
    }.goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    time.advance(by: .seconds(3))
    let error = try #require(call.goOn().error as? TimeoutError)
    #expect(error.kind == .attempt)
    #expect(error.lastError as? PassingError == PassingError(1))
    #expect(script.count == 2)
    latch.open()
  }

  @Test func `pipelines in one another keep their own limits`() async throws {
    let latch = Latch()
    let inner = try ResiliencePipeline([.timeout(.seconds(2))], time)
    let outer = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(9))], time)
    let call = SteppedCall { [script] in
      try await outer.run {
        try await inner.run {
          if script.next() == 1 { await latch.waitStubbornly() }
          return 6
        }
      }
    }.goOn()
    time.advance(by: .seconds(2))
    // The inner caller goes on by itself, and the outer attempt fails with what it throws.
    await call.whenReady()
    call.goOn()
    time.advance(by: .seconds(1))
    #expect(call.goOn().value == 6)
    #expect([inner, outer].map(\.figures.timeouts) == [1, 0])
    latch.open()
  }

  // MARK: - Something else to answer with

  @Test func `a fallback answers what the call fails with at last`() throws {
    let (breaker, bulkhead) = try (breaker(failures: 1), bulkhead())
    let pipeline = try ResiliencePipeline(
      [.bulkhead(bulkhead), .circuitBreaker(breaker), .retry(.plain(attempts: 2))], time)
    let call = SteppedCall { [script] in
      try await pipeline.run { () async throws -> String in
        throw PassingError(script.next())
      } fallback: { error in
        // Outside of all stages.
        #expect(bulkhead.figures.inUse == 0)
        return "\((error as? RetryExhaustedError)?.attempts.count ?? 0)"
      }
    }.goOn()
    #expect(call.result == nil)
    time.advance(by: .seconds(1))
    #expect(call.goOn().value == "2")
    // A refusal too.
    let refused = SteppedCall {
      try await pipeline.run {
        "body"
      } fallback: {
        "\(type(of: $0))"
      }
    }.goOn()
    #expect(refused.value == "CircuitOpenError")
  }

  @Test func `a fallback is not asked when all goes well, and may fail itself`() throws {
    let pipeline = try ResiliencePipeline([.timeout(.seconds(1))], time)
    let good = SteppedCall {
      try await pipeline.run {
        4
      } fallback: { _ in
        Issue.record("it was asked")
        return 5
      }
    }.goOn()
    #expect(good.value == 4)
    let bad = SteppedCall {
      try await pipeline.run {
        throw PassingError()
      } fallback: { _ in
        throw LastingError()
      }
    }.goOn()
    #expect(bad.error is LastingError)
  }

  @Test func `a fallback is not asked for a caller that was cancelled`() async throws {
    let latch = Latch()
    let pipeline = try ResiliencePipeline([.timeout(.seconds(1))], time)
    for isHonest in [true, false] {
      let call = SteppedCall {
        try await pipeline.run {
          do {
            try await latch.wait()
          } catch {
            throw isHonest ? error : LastingError()
          }
        } fallback: { _ in
          _ = Issue.record("it was asked")
        }
      }.goOn()
      call.cancel()
      await call.end()
      #expect(isHonest ? call.error is CancellationError : call.error is LastingError)
    }
  }

  @MainActor @Test func `a fallback runs on the caller's actor, and needs not be sendable`()
    async throws
  {
    let pipeline = try ResiliencePipeline([.timeout(.seconds(1))], time)
    final class Notes { var lines: [String] = [] }
    let notes = Notes()
    let answer = try await pipeline.run { () async throws -> Int in
      throw LastingError()
    } fallback: { error in
      MainActor.assertIsolated()
      notes.lines.append("\(type(of: error))")
      return 3
    }
    #expect(answer == 3)
    #expect(notes.lines == ["LastingError"])
  }

  // MARK: - Where bodies run

  private enum Tag { @TaskLocal static var value = 0 }

  @Test func `a body has the task-local values of its caller`() async throws {
    for stages in [[], [ResilienceStage.timeout(.seconds(1))]] {
      let pipeline = try ResiliencePipeline(stages, time)
      let seen = try await Tag.$value.withValue(7) {
        try await [pipeline.run { Tag.value }, pipeline.runBlocking { Tag.value }]
      }
      #expect(seen == [7, 7])
    }
  }

  @Test func `a body that blocks runs on a thread of its own`() async throws {
    let threads = try BlockingThreads(limit: 2)
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(1))], time)
    #expect(try await pipeline.runBlocking(on: threads) { threads.figures.busy } == 1)
    await #expect(throws: LastingError.self) {
      try await pipeline.runBlocking(on: threads) { throw LastingError() }
    }
    let answer = try await pipeline.runBlocking(on: threads) {
      throw LastingError()
    } fallback: { error in
      error is LastingError
    }
    #expect(answer)
    // Without any limit too.
    let plain = try ResiliencePipeline([], time)
    #expect(try await plain.runBlocking(on: threads) { threads.figures.busy } == 1)
    #expect(time.timers.armed == 0)
  }

  @Test func `attempts that block are tried again`() async throws {
    let threads = try BlockingThreads(limit: 1)
    var policy = RetryPolicy.plain()
    policy.baseDelay = .zero
    let pipeline = try ResiliencePipeline([.retry(policy), .timeout(.seconds(1))], time)
    let number = try await pipeline.runBlocking(on: threads) { [script] in
      let number = script.next()
      if number < 3 { throw PassingError(number) }
      return number
    }
    #expect(number == 3)
  }

  // MARK: - Clients

  private struct Client: Sendable {
    let script: Script
    func number() async throws -> Int { script.next() }
    func blockingNumber() throws -> Int { script.next() }
  }

  @Test func `a client's calls all go through its pipeline`() async throws {
    let limiter = try limiter(burst: 2)
    let pipeline = try ResiliencePipeline([.rateLimit(limiter)], time)
    let client = Resilient(Client(script: script), through: pipeline)
    #expect(client.pipeline === pipeline)
    #expect(client.client.script === script)
    #expect(try await client { try await $0.number() } == 1)
    #expect(try await client.blocking { try $0.blockingNumber() } == 2)
    await #expect(throws: RateLimitedError.self) { try await client { try await $0.number() } }
    let answer = try await client {
      try await $0.number()
    } fallback: { _ in
      -1
    }
    #expect(answer == -1)
    #expect(script.count == 2)
  }

  // MARK: - Many at once

  /// How many there are, and were at once.
  private final class Crowd: Sendable {
    private let state = Guarded((now: 0, most: 0))

    var most: Int { state.withLock { $0.most } }

    func enter() {
      state.withLock { state in
        state.now += 1
        state.most = max(state.most, state.now)
      }
    }

    func leave() { state.withLock { $0.now -= 1 } }
  }

  @Test func `two thousand calls at once leave everything as it was`() async throws {
    // On real threads, and without delays.
    let timers = Timers(clock: ContinuousClock())
    let bulkhead = try Bulkhead("place", .init(limit: 50, queue: 3000), timers: timers)
    let limiter = try RateLimiter("often", .init(permits: 1_000_000, burst: 3000), timers: timers)
    let breaker = try CircuitBreaker("shop")
    var policy = RetryPolicy()
    policy.maxAttempts = 4
    policy.baseDelay = .zero
    let pipeline = try ResiliencePipeline(
      "many",
      stages: [
        .deadline(.seconds(600)), .rateLimit(limiter), .bulkhead(bulkhead),
        .circuitBreaker(breaker), .retry(policy), .timeout(.seconds(300)),
      ], timers: timers, observer: nil)
    let crowd = Crowd()
    let outcomes = await withTaskGroup(of: String.self) { group in
      for number in 0..<2000 {
        group.addTask {
          let script = Script()
          do {
            let answer = try await pipeline.run {
              crowd.enter()
              defer { crowd.leave() }
              let attempt = script.next()
              if number % 3 == 0 { await Task.yield() }
              if number % 5 == 0, attempt <= number / 5 % 4 { throw PassingError(number) }
              return number
            }
            return answer == number ? "right" : "wrong"
          } catch {
            return "\(error)"
          }
        }
        if number % 7 == 0 {
          group.addTask {
            let task = Task { try await pipeline.run { try await Task.sleep(for: .seconds(100)) } }
            await Task.yield()
            task.cancel()
            do {
              try await task.value
              return "wrong"
            } catch {
              return error is CancellationError ? "cancelled" : "\(error)"
            }
          }
        }
      }
      var outcomes: [String: Int] = [:]
      for await outcome in group { outcomes[outcome, default: 0] += 1 }
      return outcomes
    }
    #expect(outcomes == ["right": 2000, "cancelled": 286])
    #expect(crowd.most <= 50)
    #expect(bulkhead.figures.inUse == 0)
    #expect(bulkhead.figures.waiting == 0)
    #expect(bulkhead.figures.abandoned == 0)
    #expect(pipeline.figures.retries == 600)
    #expect(pipeline.figures.abandoned == 0)
    #expect(breaker.metrics.successes == 2000)
    #expect(timers.armed == 0)
  }
}
