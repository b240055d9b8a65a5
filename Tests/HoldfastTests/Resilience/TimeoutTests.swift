import Dispatch
import Testing

@testable import Holdfast

/// Limits of attempts, calls and scopes, and what becomes of bodies that do not keep them.
@Suite(.timeLimit(.minutes(2))) struct TimeoutTests {
  private let time = SteppedTime()
  private let script = Script()
  private let latch = Latch()

  private func bulkhead(limit: Int, queue: Int = 0) throws -> Bulkhead {
    try Bulkhead("place", .init(limit: limit, queue: queue), timers: time.timers)
  }

  /// A call whose body goes on whatever happens, until the latch is opened.
  private func stubborn(_ pipeline: ResiliencePipeline) -> SteppedCall<Int> {
    SteppedCall { [script, latch] in
      try await pipeline.run {
        let number = script.next()
        await latch.waitStubbornly()
        return number
      }
    }
  }

  // MARK: - Limits

  @Test func `at the deadline of an attempt, and not before, the caller is told`() throws {
    let pipeline = try ResiliencePipeline([.timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2) - .nanoseconds(1))
    #expect(!call.isReady)
    time.advance(by: .nanoseconds(1))
    let error = try #require(call.goOn().error as? TimeoutError)
    #expect(error.kind == .attempt)
    #expect(error.limit == .seconds(2))
    #expect(error.operation == "orders")
    #expect(error.code == .timedOut)
    #expect(error.lastError == nil)
    #expect(error.isTransient)
    #expect(pipeline.figures.timeouts == 1)
    #expect(time.timers.armed == 0)
    latch.open()
  }

  @Test func `a body in time is waited for, and no timer is left`() async throws {
    let pipeline = try ResiliencePipeline([.timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(1))
    #expect(time.timers.armed == 1)
    latch.open()
    await call.end()
    #expect(call.value == 1)
    #expect(time.timers.armed == 0)
    #expect(pipeline.figures.timeouts == 0)
    #expect(pipeline.figures.abandoned == 0)
  }

  @Test func `each attempt has the time of its own`() throws {
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    for delay in [1, 2] {
      time.advance(by: .seconds(2))
      call.goOn()
      time.advance(by: .seconds(delay))
      call.goOn()
    }
    #expect(script.count == 3)
    time.advance(by: .seconds(2))
    let error = try #require(call.goOn().error as? RetryExhaustedError)
    #expect(
      error.attempts.map { ($0.error as? TimeoutError)?.kind } == [.attempt, .attempt, .attempt])
    #expect(error.attempts.map(\.duration) == [2, 2, 2].map { .seconds($0) })
    #expect(pipeline.figures.timeouts == 3)
    #expect(pipeline.figures.abandoned == 3)
    latch.open()
  }

  @Test func `the deadline of the call cuts an attempt short, and is not retried`() throws {
    let pipeline = try ResiliencePipeline(
      [.deadline(.seconds(5)), .retry(.plain()), .timeout(.seconds(3))], time)
    let call = SteppedCall { [script, latch] in
      try await pipeline.run {
        if script.next() == 1 { throw PassingError(1) }
        await latch.waitStubbornly()
      }
    }.goOn()
    time.advance(by: .seconds(3))
    call.goOn()
    #expect(script.count == 2)
    // An attempt of 3 s would end at 6 s.
    time.advance(by: .seconds(2))
    let error = try #require(call.goOn().error as? TimeoutError)
    #expect(error.kind == .call)
    #expect(error.limit == .seconds(5))
    #expect(error.lastError as? PassingError == PassingError(1))
    #expect(!error.isTransient)
    #expect(script.count == 2)
    #expect(pipeline.figures.timeouts == 1)
    #expect(time.timers.armed == 0)
    latch.open()
  }

  @Test func `of several limits the earliest counts, and says which it is`() throws {
    for (outer, inner) in [(2, 3), (3, 2), (2, 2)] {
      let pipeline = try ResiliencePipeline(
        [.deadline(.seconds(outer)), .timeout(.seconds(inner))], time)
      let call = stubborn(pipeline).goOn()
      time.advance(by: .seconds(2))
      let error = try #require(call.goOn().error as? TimeoutError)
      #expect(error.kind == (outer == 2 ? .call : .attempt))
      #expect(error.limit == .seconds(2))
    }
    latch.open()
  }

  @Test func `waiting for a place counts, and is over at the deadline`() throws {
    let bulkhead = try bulkhead(limit: 1, queue: 1)
    let taken = try bulkhead.taken()
    let pipeline = try ResiliencePipeline([.deadline(.seconds(2)), .bulkhead(bulkhead)], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    let error = try #require(call.goOn().error as? TimeoutError)
    #expect(error.kind == .call)
    #expect(script.count == 0)
    #expect(bulkhead.figures.waiting == 0)
    #expect(pipeline.figures.rejected == 0)
    #expect(time.timers.armed == 0)
    taken.release()
    #expect(bulkhead.figures.inUse == 0)
  }

  @Test func `a call whose time is over when it comes to its body does not begin it`() throws {
    let limiter = try RateLimiter(
      "x", .init(permits: 1, per: .seconds(2), longestWait: .seconds(9)), timers: time.timers)
    try limiter.take()
    let pipeline = try ResiliencePipeline(
      [.deadline(.seconds(2)), .rateLimit(limiter), .timeout(.seconds(9))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    #expect((call.goOn().error as? TimeoutError)?.kind == .call)
    #expect(script.count == 0)
  }

  @Test func `limits out of range are refused`() throws {
    for limit in [Duration.zero, .seconds(-1), .seconds(366 * 86_400) + .nanoseconds(1)] {
      for stage in [ResilienceStage.timeout(limit), .deadline(limit)] {
        let error = #expect(throws: HoldfastError.self) {
          _ = try ResiliencePipeline([stage], time)
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("\(limit)") == true)
      }
    }
    _ = try ResiliencePipeline(
      [.timeout(.nanoseconds(1)), .deadline(.seconds(366 * 86_400))], time)
  }

  @Test func `a time-out says itself in words`() {
    #expect(
      TimeoutError(operation: "a\nb", kind: .attempt, limit: .seconds(2)).description
        == "timed_out: an attempt of 'a b' gave no answer within 2.0 seconds")
    #expect(
      TimeoutError(
        operation: "ab", kind: .call, limit: .seconds(2), lastError: PassingError(3)
      ).description
        == "timed_out: 'ab' gave no answer within 2.0 seconds; before that: PassingError(number: 3)"
    )
  }

  // MARK: - Scopes

  @Test func `calls of a scope share its deadline`() throws {
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(4))], time)
    let call = SteppedCall { [script, latch] in
      try await pipeline.scope(deadline: .seconds(5)) { scope in
        _ = try await scope.run { script.next() }
        do {
          try await scope.run {
            script.next()
            await latch.waitStubbornly()
          }
        } catch let error as RetryExhaustedError {
          // After 4 s and a delay of 1 s there is no time left.
          #expect(error.reason == .deadline)
        }
        return try await scope.run { script.next() }
      }
    }.goOn()
    time.advance(by: .seconds(4))
    // At 4 s one more may be made; it is cut short at 5 s.
    #expect(call.goOn().value == 3)
    latch.open()
  }

  @Test func `at the deadline of a scope its call ends, and later ones do not begin`() throws {
    let pipeline = try ResiliencePipeline([.timeout(.seconds(9))], time)
    let call = SteppedCall { [script, latch] in
      try await pipeline.scope(deadline: .seconds(5)) { scope in
        for round in 0..<2 {
          let error = await #expect(throws: TimeoutError.self) {
            try await scope.run {
              script.next()
              await latch.waitStubbornly()
            }
          }
          #expect(error?.kind == .call, "\(round)")
          #expect(error?.limit == .seconds(5))
          #expect(error?.operation == "orders")
        }
        let refused = await #expect(throws: TimeoutError.self) {
          try await scope.runBlocking { script.next() }
        }
        #expect(refused?.kind == .call)
        // What is between the calls is not limited.
        return 8
      }
    }.goOn()
    time.advance(by: .seconds(5))
    #expect(call.goOn().value == 8)
    #expect(script.count == 1)
    #expect(pipeline.figures.timeouts == 3)
    latch.open()
  }

  @Test func `a scope without a deadline, or with a wrong one`() async throws {
    let pipeline = try ResiliencePipeline([], time)
    #expect(try await pipeline.scope { try await $0.run { 3 } } == 3)
    for wrong in [Duration.zero, .seconds(-1), .seconds(367 * 86_400)] {
      await #expect(throws: HoldfastError.self) {
        try await pipeline.scope(deadline: wrong) { _ in Issue.record("it began") }
      }
    }
  }

  @Test func `a limit of the pipeline's that is earlier than the scope's counts`() throws {
    let pipeline = try ResiliencePipeline([.deadline(.seconds(1))], time)
    let call = SteppedCall { [latch] in
      try await pipeline.scope(deadline: .seconds(5)) {
        try await $0.run { await latch.waitStubbornly() }
      }
    }.goOn()
    time.advance(by: .seconds(1))
    #expect((call.goOn().error as? TimeoutError)?.limit == .seconds(1))
    latch.open()
  }

  // MARK: - Bodies that are left behind

  @Test func `an abandoned body keeps its place until it ends`() async throws {
    let bulkhead = try bulkhead(limit: 1)
    let pipeline = try ResiliencePipeline([.bulkhead(bulkhead), .timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    #expect(call.goOn().error is TimeoutError)
    #expect(pipeline.figures.abandoned == 1)
    #expect(bulkhead.figures.abandoned == 1)
    #expect(bulkhead.figures.inUse == 1)
    #expect(stubborn(pipeline).goOn().error is BulkheadFullError)
    #expect(script.count == 1)
    latch.open()
    await eventually { pipeline.figures.abandoned == 0 }
    await eventually { bulkhead.figures.inUse == 0 }
    #expect(bulkhead.figures.abandoned == 0)
    #expect(await stubborn(pipeline).end().value == 2)
  }

  @Test func `an abandoned body is told that it is cancelled`() async throws {
    let pipeline = try ResiliencePipeline([.timeout(.seconds(2))], time)
    let seen = Noted<Bool?>(nil)
    let ended = Latch()
    let call = SteppedCall { [latch] in
      try await pipeline.run {
        await latch.waitStubbornly()
        let isCancelled = Task.isCancelled
        seen.change { $0 = isCancelled }
        ended.open()
      }
    }.goOn()
    time.advance(by: .seconds(2))
    #expect(call.goOn().error is TimeoutError)
    latch.open()
    await ended.waitStubbornly()
    #expect(seen.value == true)
  }

  @Test func `a body that ends when it is cancelled leaves nothing behind`() async throws {
    let bulkhead = try bulkhead(limit: 1)
    let pipeline = try ResiliencePipeline([.bulkhead(bulkhead), .timeout(.seconds(2))], time)
    let call = SteppedCall { [latch] in try await pipeline.run { try await latch.wait() } }.goOn()
    time.advance(by: .seconds(2))
    #expect(call.goOn().error is TimeoutError)
    await eventually { pipeline.figures.abandoned == 0 }
    await eventually { bulkhead.figures.inUse == 0 }
    #expect(bulkhead.figures.abandoned == 0)
  }

  /// The body ends after it was timed out, and before its caller goes on.
  @Test func `a body that ended meanwhile is not left behind`() async throws {
    let bulkhead = try bulkhead(limit: 1)
    let pipeline = try ResiliencePipeline([.bulkhead(bulkhead), .timeout(.seconds(2))], time)
    let time = time
    let call = SteppedCall {
      try await pipeline.run {
        // It does not suspend, so that it has ended when its caller is told.
        time.advance(by: .seconds(2))
      }
    }.goOn()
    #expect(call.error is TimeoutError)
    #expect(pipeline.figures.abandoned == 0)
    #expect(bulkhead.figures.abandoned == 0)
    #expect(bulkhead.figures.inUse == 0)
    #expect(time.timers.armed == 0)
  }

  @Test func `with one place an abandoned attempt leaves none for the next`() async throws {
    let bulkhead = try bulkhead(limit: 1)
    let pipeline = try ResiliencePipeline(
      [.bulkhead(bulkhead), .retry(.plain()), .timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    time.advance(by: .seconds(1))
    let error = try #require(call.goOn().error as? RetryExhaustedError)
    #expect(error.reason == .bulkhead)
    #expect(error.attempts.count == 1)
    #expect(error.lastError is TimeoutError)
    #expect(script.count == 1)
    #expect(bulkhead.figures.inUse == 1)
    #expect(pipeline.figures.retries == 0)
    latch.open()
    await eventually { bulkhead.figures.inUse == 0 }
    #expect(bulkhead.figures.abandoned == 0)
  }

  @Test func `with two places the next attempt takes the other one`() async throws {
    let bulkhead = try bulkhead(limit: 2)
    let pipeline = try ResiliencePipeline(
      [.bulkhead(bulkhead), .retry(.plain()), .timeout(.seconds(2))], time)
    let call = SteppedCall { [script, latch] in
      try await pipeline.run {
        if script.next() == 1 {
          await latch.waitStubbornly()
        } else {
          #expect(bulkhead.figures.inUse == 2)
        }
        return 5
      }
    }.goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    // Nothing is taken during the delay.
    #expect(bulkhead.figures.inUse == 1)
    time.advance(by: .seconds(1))
    #expect(call.goOn().value == 5)
    #expect(bulkhead.figures.inUse == 1)
    #expect(bulkhead.figures.abandoned == 1)
    latch.open()
    await eventually { bulkhead.figures.inUse == 0 }
  }

  @Test func `the next attempt waits for a place, and gets that of the abandoned one`() async throws
  {
    let bulkhead = try bulkhead(limit: 1, queue: 1)
    let pipeline = try ResiliencePipeline(
      [.bulkhead(bulkhead), .retry(.plain()), .timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    #expect(bulkhead.figures.waiting == 1)
    latch.open()
    #expect(await call.end().value == 2)
    await eventually { bulkhead.figures.inUse == 0 }
    #expect(pipeline.figures.retries == 1)
  }

  @Test func `the deadline while the next attempt waits for a place`() throws {
    let bulkhead = try bulkhead(limit: 1, queue: 1)
    let pipeline = try ResiliencePipeline(
      [
        .deadline(.seconds(5)), .bulkhead(bulkhead), .retry(.plain()), .timeout(.seconds(2)),
      ], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    time.advance(by: .seconds(1))
    call.goOn()
    #expect(bulkhead.figures.waiting == 1)
    time.advance(by: .seconds(2))
    let error = try #require(call.goOn().error as? TimeoutError)
    #expect(error.kind == .call)
    #expect((error.lastError as? TimeoutError)?.kind == .attempt)
    #expect(bulkhead.figures.waiting == 0)
    #expect(bulkhead.figures.inUse == 1)
    latch.open()
  }

  @Test func `with a bulkhead within the retries each attempt takes its place there`() async throws
  {
    let outer = try bulkhead(limit: 2)
    let inner = try bulkhead(limit: 2)
    let pipeline = try ResiliencePipeline(
      [.bulkhead(outer), .retry(.plain()), .bulkhead(inner), .timeout(.seconds(2))], time)
    let call = stubborn(pipeline).goOn()
    time.advance(by: .seconds(2))
    call.goOn()
    #expect([outer, inner].map(\.figures.inUse) == [1, 1])
    time.advance(by: .seconds(1))
    call.goOn()
    #expect([outer, inner].map(\.figures.inUse) == [2, 2])
    time.advance(by: .seconds(2))
    call.goOn()
    #expect([outer, inner].map(\.figures.abandoned) == [2, 2])
    time.advance(by: .seconds(2))
    #expect((call.goOn().error as? RetryExhaustedError)?.reason == .bulkhead)
    latch.open()
    await eventually { pipeline.figures.abandoned == 0 }
    await eventually { [outer, inner].allSatisfy { $0.figures.inUse == 0 } }
    #expect([outer, inner].map(\.figures.abandoned) == [0, 0])
  }

  @Test func `an abandoned body keeps its pipeline, and no longer than it needs it`() async throws {
    weak var kept: ResiliencePipeline?
    do {
      let pipeline = try ResiliencePipeline([.timeout(.seconds(2))], time)
      kept = pipeline
      let call = stubborn(pipeline).goOn()
      time.advance(by: .seconds(2))
      #expect(call.goOn().error is TimeoutError)
    }
    latch.open()
    await eventually { kept == nil }
  }

  // MARK: - Clocks

  /// Each of them counts its own time from when it was made.
  @Test func `parts that were made with the same clock at other times know the deadline`() throws {
    let clock = ManualClock()
    let limiter = try RateLimiter(
      "x", .init(permits: 1, per: .seconds(10), longestWait: .seconds(60)), clock: clock)
    clock.advance(by: .seconds(100))
    let pipeline = try ResiliencePipeline(
      "orders", stages: [.deadline(.seconds(9)), .rateLimit(limiter)], clock: clock)
    clock.advance(by: .seconds(100))
    let bulkhead = try Bulkhead("x", .init(limit: 1, queue: 1), clock: clock)
    let waiting = try ResiliencePipeline(
      "orders", stages: [.deadline(.seconds(9)), .bulkhead(bulkhead)], clock: clock)
    let late = try ResiliencePipeline(
      "orders", stages: [.deadline(.seconds(11)), .rateLimit(limiter)], clock: clock)
    clock.advance(by: .seconds(100))

    func begin(_ pipeline: ResiliencePipeline) -> SteppedCall<Void> {
      SteppedCall { try await pipeline.run {} }.goOn()
    }
    #expect(begin(pipeline).value != nil)
    // The next permit comes after 10 s.
    #expect(begin(pipeline).error is RateLimitedError)
    #expect(begin(late).result == nil)
    let permit = try bulkhead.taken()
    let call = begin(waiting)
    #expect(bulkhead.figures.waiting == 1)
    permit.release()
    #expect(call.goOn().value != nil)
  }

  // MARK: - On threads that may block

  @Test func `a body that blocks is left behind on its thread`() async throws {
    let threads = try BlockingThreads(limit: 1)
    let bulkhead = try bulkhead(limit: 3)
    let pipeline = try ResiliencePipeline([.bulkhead(bulkhead), .timeout(.seconds(2))], time)
    let blocked = DispatchSemaphore(value: 0)
    let begun = Latch()
    let wasCancelled = Noted<Bool?>(nil)
    let call = SteppedCall {
      try await pipeline.runBlocking(on: threads) {
        begun.open()
        blocked.wait()
        let isCancelled = Task.isCancelled
        wasCancelled.change { $0 = isCancelled }
      }
    }.goOn()
    await begun.waitStubbornly()
    time.advance(by: .seconds(2))
    #expect(await call.end().error is TimeoutError)
    #expect(bulkhead.figures.abandoned == 1)

    // The only thread is taken: this one never begins, and so leaves nothing behind.
    let late = SteppedCall { [script] in
      try await pipeline.runBlocking(on: threads) { script.next() }
    }.goOn()
    #expect(bulkhead.figures.inUse == 2)
    time.advance(by: .seconds(2))
    #expect(late.goOn().error is TimeoutError)
    #expect(bulkhead.figures.inUse == 1)
    #expect(bulkhead.figures.abandoned == 1)
    #expect(pipeline.figures.abandoned == 1)
    blocked.signal()
    await eventually { bulkhead.figures.inUse == 0 && threads.figures.busy == 0 }
    #expect(wasCancelled.value == true)
    #expect(script.count == 0)
    #expect(bulkhead.figures.abandoned == 0)
  }

  @Test func `the caller has its answer before its body is cancelled, which is done aside`() {
    let time = SteppedTime(keepsAside: true)
    let pipeline = try? ResiliencePipeline(
      "aside", stages: [.timeout(.seconds(1))], timers: time.timers, observer: nil)
    let call = SteppedCall { [latch] in
      try await pipeline?.run { await latch.waitStubbornly() }
    }.goOn()
    time.advance(by: .seconds(1))
    #expect(call.goOn().error is TimeoutError)
    #expect(time.runAside() == 1)
    latch.open()
  }
}
