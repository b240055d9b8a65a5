import Dispatch
import Testing

@testable import Holdfast

/// Callers that are cancelled, wherever they are: they wait for nothing any more, and leave nothing
/// taken.
@Suite(.timeLimit(.minutes(2))) struct CancellationTests {
  /// A call through all stages that waits in each of them, and what it may leave behind.
  private struct Journey {
    let time = SteppedTime()
    let limiter: RateLimiter
    let bulkhead: Bulkhead
    let breaker: CircuitBreaker
    let pipeline: ResiliencePipeline
    let call: SteppedCall<Int>
    /// Who has the place that the call waits for first.
    let other: SteppedCall<Void>
    let first = Latch()
    let second = Latch()
    let otherGate = Latch()

    /// - Parameter time: moved to where the breaker would let one call probe.
    init() throws {
      limiter = try RateLimiter(
        "often", .init(permits: 1, per: .seconds(10), longestWait: .seconds(60)),
        timers: time.timers)
      bulkhead = try Bulkhead("place", .init(limit: 1, queue: 5), timers: time.timers)
      var options = CircuitBreaker.Options()
      options.failureThreshold = 1
      options.openTime = .seconds(60)
      options.successThreshold = 1
      breaker = try CircuitBreaker("shop", options: options, clock: time.clock)
      pipeline = try ResiliencePipeline(
        [
          .deadline(.seconds(1000)), .rateLimit(limiter), .bulkhead(bulkhead),
          .circuitBreaker(breaker), .retry(.plain(attempts: 4)), .timeout(.seconds(5)),
        ], time)
      try? breaker.run { throw LastingError() }
      time.advance(by: .seconds(60))
      try limiter.take()
      let script = Script()
      let (bulkhead, otherGate, pipeline) = (bulkhead, otherGate, pipeline)
      let (first, second) = (first, second)
      other = SteppedCall { try await bulkhead.run { try await otherGate.wait() } }
      call = SteppedCall {
        try await pipeline.run {
          switch script.next() {
          case 1: throw PassingError()
          case 2:
            await first.waitStubbornly()
            return 2
          default:
            try await second.wait()
            return 3
          }
        }
      }
      other.goOn()
    }

    /// What happens one after another; where others go on by themselves it is waited for.
    var events: [(String, () async -> Void)] {
      [
        ("begins, and waits for a permit of the limiter", { call.goOn() }),
        ("gets the permit", { time.advance(by: .seconds(10)) }),
        ("waits for a place", { call.goOn() }),
        (
          "gets a place",
          {
            otherGate.open()
            await other.end()
          }
        ),
        ("fails once, and waits for the first delay", { call.goOn() }),
        ("the first delay is over", { time.advance(by: .seconds(1)) }),
        ("begins an attempt that does not end", { call.goOn() }),
        ("that is too late", { time.advance(by: .seconds(5)) }),
        ("leaves it behind, and waits for the second delay", { call.goOn() }),
        ("the second delay is over", { time.advance(by: .seconds(2)) }),
        ("waits for another place", { call.goOn() }),
        (
          "gets the place of what was left behind",
          {
            first.open()
            if bulkhead.figures.waiting > 0 { await call.whenReady() }
          }
        ),
        ("begins an attempt that waits", { call.goOn() }),
        (
          "that ends",
          {
            second.open()
            if call.result == nil, second.arrived > 0 { await call.whenReady() }
          }
        ),
        ("ends", { call.goOn() }),
      ]
    }

    /// Opens all gates, lets all time pass, and checks that nothing is left.
    func checkNothingIsLeft(_ story: String) async {
      otherGate.open()
      await other.end()
      first.open()
      second.open()
      call.goOn()
      await call.end()
      await eventually { pipeline.figures.abandoned == 0 && bulkhead.figures.inUse == 0 }
      #expect(bulkhead.figures.waiting == 0, "\(story)")
      #expect(bulkhead.figures.abandoned == 0, "\(story)")
      #expect(time.timers.armed == 0, "\(story)")
      time.advance(by: .seconds(100))
      #expect(limiter.available == 1, "\(story)")
      // The breaker's one probe was given back: there is another, if it is not closed.
      #expect((try? breaker.run { true }) == true, "\(story)")
    }
  }

  @Test func `a journey without a cancellation comes to its end`() async throws {
    let journey = try Journey()
    for (_, happens) in journey.events { await happens() }
    #expect(journey.call.value == 3)
    #expect(
      journey.pipeline.figures
        == .init(
          retries: 2, exhausted: 0, timeouts: 1, rejected: 0, abandoned: 0))
    #expect(journey.breaker.metrics.state == .closed)
    await journey.checkNothingIsLeft("not cancelled")
  }

  /// Before each event, and so before, at and after each suspension: also between that which wakes
  /// the call and where it goes on.
  @Test(arguments: 0...15) func `cancelled anywhere it leaves nothing taken`(_ place: Int)
    async throws
  {
    let journey = try Journey()
    for (index, (_, happens)) in journey.events.enumerated() {
      if index == place { journey.call.cancel() }
      // What would go on by itself when it is cancelled is not waited for twice.
      if index >= place { break }
      await happens()
    }
    let story = place == 15 ? "at the end" : "before it \(journey.events[place].0)"
    let neutral = journey.breaker.metrics.neutral
    if place == 15 { journey.call.cancel() }
    journey.call.goOn()
    switch place {
    case 0...6, 9...11:
      // It waits for nothing.
      #expect(journey.call.error is CancellationError, "\(story)")
      if place >= 4 { #expect(journey.breaker.metrics.neutral >= neutral, "\(story)") }
    case 7:
      // A body that is under way is waited for, until the deadline of the attempt.
      #expect(journey.call.result == nil, "\(story)")
      journey.time.advance(by: .seconds(5))
      journey.call.goOn()
      #expect(journey.call.error is TimeoutError, "\(story)")
    case 8:
      #expect(journey.call.error is TimeoutError, "\(story)")
    case 12:
      #expect(journey.call.error is CancellationError, "\(story)")
    case 13:
      await journey.call.end()
      #expect(journey.call.error is CancellationError, "\(story)")
    default:
      #expect(journey.call.value == 3, "\(story)")
    }
    #expect(journey.breaker.metrics.failures == 1, "\(story)")
    // It did not come as far as that.
    if place <= 1 { #expect(journey.bulkhead.figures.waiting == 0) }
    await journey.checkNothingIsLeft(story)
  }

  @Test func `a permit of the limiter that was waited for is given back`() async throws {
    let time = SteppedTime()
    let limiter = try RateLimiter(
      "often", .init(permits: 1, per: .seconds(10), longestWait: .seconds(15)), timers: time.timers)
    let pipeline = try ResiliencePipeline([.rateLimit(limiter)], time)
    try limiter.take()
    func begin() -> SteppedCall<Void> { SteppedCall { try await pipeline.run {} }.goOn() }
    let waiting = begin()
    #expect(begin().error is RateLimitedError)
    waiting.cancel()
    #expect(waiting.goOn().error is CancellationError)
    #expect(pipeline.figures.rejected == 1)
    let next = begin()
    time.advance(by: .seconds(10))
    #expect(next.goOn().value != nil)
  }

  // MARK: - Bodies

  @Test func `a body is told at once, and what it says is what its caller gets`() async throws {
    for stages in [[], [ResilienceStage.timeout(.seconds(5))]] {
      let time = SteppedTime()
      let pipeline = try ResiliencePipeline(stages, time)
      let latch = Latch()
      let call = SteppedCall {
        try await pipeline.run {
          do {
            try await latch.wait()
            return "opened"
          } catch {
            return "cancelled"
          }
        }
      }.goOn()
      call.cancel()
      #expect(await call.end().value == "cancelled")
      #expect(time.timers.armed == 0)
    }
  }

  @Test func `what fails when it is cancelled is not tried again`() async throws {
    let time = SteppedTime()
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(5))], time)
    let (latch, script) = (Latch(), Script())
    let call = SteppedCall {
      try await pipeline.run {
        script.next()
        do { try await latch.wait() } catch { throw PassingError(5) }
      }
    }.goOn()
    call.cancel()
    #expect(await call.end().error as? PassingError == PassingError(5))
    #expect(script.count == 1)
  }

  @Test func `a body that goes on is waited for until the deadline only`() async throws {
    let time = SteppedTime()
    let pipeline = try ResiliencePipeline([.deadline(.seconds(9))], time)
    let latch = Latch()
    let call = SteppedCall { try await pipeline.run { await latch.waitStubbornly() } }.goOn()
    call.cancel()
    call.goOn()
    time.advance(by: .seconds(9) - .nanoseconds(1))
    #expect(call.goOn().result == nil)
    time.advance(by: .nanoseconds(1))
    #expect(call.goOn().error is TimeoutError)
    #expect(pipeline.figures.abandoned == 1)
    latch.open()
    await eventually { pipeline.figures.abandoned == 0 }
  }

  @Test func `a body may cancel its own caller`() async throws {
    let time = SteppedTime()
    let pipeline = try ResiliencePipeline([.retry(.plain()), .timeout(.seconds(5))], time)
    let caller = Noted<SteppedCall<Bool>?>(nil)
    let call = SteppedCall {
      try await pipeline.run {
        caller.value?.cancel()
        return Task.isCancelled
      }
    }
    caller.change { $0 = call }
    #expect(call.goOn().value == true)
    caller.change { $0 = nil }
  }

  /// Within one call after another, so that attempts are used again.
  @Test func `a cancellation concerns its own call only`() async throws {
    let time = SteppedTime()
    let pipeline = try ResiliencePipeline([.timeout(.seconds(5))], time)
    for _ in 0..<20 {
      let latch = Latch()
      let cancelled = SteppedCall { try await pipeline.run { try await latch.wait() } }.goOn()
      let other = SteppedCall { try await pipeline.run { try await latch.wait() } }.goOn()
      cancelled.cancel()
      await cancelled.end()
      #expect(cancelled.error is CancellationError)
      let third = SteppedCall { try await pipeline.run { try await latch.wait() } }.goOn()
      cancelled.cancel()
      #expect(other.result == nil)
      #expect(third.result == nil)
      latch.open()
      #expect(await other.end().value != nil)
      #expect(await third.end().value != nil)
    }
    #expect(time.timers.armed == 0)
  }

  // MARK: - Waiting for a thread

  @Test func `a body that waits for a thread never begins`() async throws {
    for stages in [[], [ResilienceStage.retry(.plain()), .timeout(.seconds(5))]] {
      let time = SteppedTime()
      let threads = try BlockingThreads(limit: 1)
      let bulkhead = try Bulkhead("place", .init(limit: 1), timers: time.timers)
      let pipeline = try ResiliencePipeline([.bulkhead(bulkhead)] + stages, time)
      let (blocked, begun, script) = (DispatchSemaphore(value: 0), Latch(), Script())
      let other = Task(executorPreference: threads) {
        begun.open()
        syncly { blocked.wait() }
      }
      await begun.waitStubbornly()

      let call = SteppedCall { try await pipeline.runBlocking(on: threads) { script.next() } }
        .goOn()
      #expect(call.result == nil)
      #expect(bulkhead.figures.inUse == 1)
      call.cancel()
      #expect(call.goOn().error is CancellationError)
      #expect(bulkhead.figures.inUse == 0)
      #expect(bulkhead.figures.abandoned == 0)
      #expect(time.timers.armed == 0)

      // The next one is not mistaken for it when the thread is free.
      let next = SteppedCall { try await pipeline.runBlocking(on: threads) { script.next() } }
        .goOn()
      blocked.signal()
      await other.value
      #expect(await next.end().value == 1)
      await eventually { threads.figures.busy == 0 }
      #expect(script.count == 1)
      #expect(bulkhead.figures.inUse == 0)
    }
  }

  @Test func `a body that blocks is told, and waited for`() async throws {
    let time = SteppedTime()
    let threads = try BlockingThreads(limit: 1)
    let pipeline = try ResiliencePipeline([.timeout(.seconds(5))], time)
    let (blocked, begun) = (DispatchSemaphore(value: 0), Latch())
    let call = SteppedCall {
      try await pipeline.runBlocking(on: threads) {
        begun.open()
        blocked.wait()
        return Task.isCancelled
      }
    }.goOn()
    await begun.waitStubbornly()
    call.cancel()
    #expect(call.goOn().result == nil)
    blocked.signal()
    #expect(await call.end().value == true)
    #expect(time.timers.armed == 0)
  }

  // MARK: - At once

  /// The end of a body, its time-out and a cancellation by three threads at once.
  @Test func `whatever comes at the same moment, one answer is given`() async throws {
    let time = SteppedTime()
    let bulkhead = try Bulkhead("place", .init(limit: 1), timers: time.timers)
    let pipeline = try ResiliencePipeline([.bulkhead(bulkhead), .timeout(.seconds(1))], time)
    var outcomes: [String: Int] = [:]
    for _ in 0..<500 {
      let latch = Latch()
      let task = Task {
        try await pipeline.run {
          await latch.waitStubbornly()
          return 1
        }
      }
      await eventually { latch.arrived == 1 }
      async let opened: Void = { latch.open() }()
      async let timedOut: Void = { time.advance(by: .seconds(1)) }()
      async let cancelled: Void = { task.cancel() }()
      _ = await (opened, timedOut, cancelled)
      switch await task.result {
      case .success: outcomes["value", default: 0] += 1
      case .failure(is TimeoutError): outcomes["late", default: 0] += 1
      case .failure: outcomes["else", default: 0] += 1
      }
      await eventually { bulkhead.figures.inUse == 0 }
      #expect(time.timers.armed == 0)
    }
    #expect(outcomes["else"] == nil)
    #expect(outcomes.values.reduce(0, +) == 500)
    #expect(pipeline.figures.abandoned == 0)
    #expect(bulkhead.figures.abandoned == 0)
    #expect(bulkhead.figures.admitted == 500)
  }
}
