import Synchronization
import Testing

@testable import Holdfast

/// Who is permitted, who waits, and for how long.
@Suite(.timeLimit(.minutes(2))) struct RateLimiterTests {
  /// Notes, in order, who got a permit and when.
  private final class Log: Sendable {
    private let entries = Guarded<[String]>([])

    func note(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
  }

  private let clock = ManualClock(at: .seconds(50))
  private let timers: Timers

  init() { timers = Timers(clock: clock) }

  /// Ten a second, two at once.
  private func limiter(_ longestWait: Duration = .zero) throws -> RateLimiter {
    try RateLimiter(
      "mails", .init(permits: 10, burst: 2, longestWait: longestWait), timers: timers)
  }

  private func whenWaiting(_ count: Int) async {
    // Whoever waits has a timer by the time that somebody asks for the clock again.
    while timers.armed < count { await Task.yield() }
  }

  // MARK: - Never waiting

  @Test func `permits come in evenly, up to the burst`() throws {
    let limiter = try limiter()
    #expect(limiter.name == "mails")
    #expect(limiter.available == 2)
    try limiter.take()
    try limiter.take()
    let error = #expect(throws: RateLimitedError.self) { try limiter.take() }
    #expect(error == RateLimitedError(limiter: "mails", retryAfter: .milliseconds(100)))
    clock.advance(by: .milliseconds(99))
    #expect(throws: RateLimitedError(limiter: "mails", retryAfter: .milliseconds(1))) {
      try limiter.take()
    }
    clock.advance(by: .milliseconds(1))
    try limiter.take()
    clock.advance(by: .seconds(5))
    #expect(limiter.available == 2)
    try limiter.take(2)
    #expect(limiter.available == 0)
    #expect(limiter.figures == .init(allowed: 4, waited: 0, rejected: 2))
  }

  @Test func `more than fit at once are never permitted, none always`() async throws {
    let limiter = try limiter(.seconds(60))
    let never = RateLimitedError(limiter: "mails", retryAfter: nil)
    #expect(throws: never) { try limiter.take(3) }
    await #expect(throws: never) { try await limiter.wait(3) }
    #expect(throws: never) { try limiter.take(.max) }
    try limiter.take(2)
    try limiter.take(0)
    try limiter.take(-1)
    try await limiter.wait(0)
    #expect(limiter.available == 0)
  }

  @Test func `by default as many may be taken at once as come in a period`() throws {
    let limiter = try RateLimiter("all", .init(permits: 7, per: .seconds(3600)), clock: clock)
    #expect(limiter.available == 7)
    #expect(try RateLimiter(clock: clock).available == 100)
    #expect(try RateLimiter().available == 100)
  }

  @Test func `resetting makes it full, and its figures nought`() throws {
    let limiter = try limiter()
    try limiter.take(2)
    #expect(throws: RateLimitedError.self) { try limiter.take() }
    limiter.reset()
    #expect(limiter.available == 2)
    #expect(limiter.figures == .init(allowed: 0, waited: 0, rejected: 0))
  }

  // MARK: - Waiting

  @Test func `who waits gets its permit in the order of asking`() async throws {
    let limiter = try limiter(.milliseconds(300))
    let log = Log()
    try await limiter.wait(2)
    await withThrowingTaskGroup(of: Void.self) { group in
      for number in 1...3 {
        group.addTask {
          try await limiter.wait()
          log.note("\(number)")
        }
        await whenWaiting(number)
      }
      // A fourth would wait for longer than may be, and nobody overtakes.
      await #expect(throws: RateLimitedError(limiter: "mails", retryAfter: .milliseconds(400))) {
        try await limiter.wait()
      }
      #expect(throws: RateLimitedError(limiter: "mails", retryAfter: .milliseconds(400))) {
        try limiter.take()
      }
      #expect(limiter.available == 0)
      for number in 1...3 {
        await clock.whenAsleep(noLaterThan: .seconds(50) + .milliseconds(100 * number))
        clock.advance(by: .milliseconds(99))
        #expect(log.all.count == number - 1)
        clock.advance(by: .milliseconds(1))
        while log.all.count < number { await Task.yield() }
      }
    }
    #expect(log.all == ["1", "2", "3"])
    #expect(limiter.figures == .init(allowed: 4, waited: 3, rejected: 2))
    #expect(timers.armed == 0)
  }

  @Test func `who is cancelled while it waits gives its permits back`() async throws {
    let limiter = try limiter(.seconds(60))
    try limiter.take(2)
    let waiter = Task { try await limiter.wait(2) }
    await whenWaiting(1)
    #expect(throws: RateLimitedError(limiter: "mails", retryAfter: .milliseconds(300))) {
      try limiter.take()
    }
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    #expect(timers.armed == 0)
    #expect(throws: RateLimitedError(limiter: "mails", retryAfter: .milliseconds(100))) {
      try limiter.take()
    }
    #expect(limiter.figures == .init(allowed: 1, waited: 0, rejected: 2))
  }

  @Test func `who is cancelled already takes nothing`() async throws {
    let limiter = try limiter(.seconds(60))
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      try await limiter.wait()
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(limiter.available == 2)
  }

  @Test func `a permit that comes after the deadline of a call is not waited for`() async throws {
    let limiter = try limiter(.seconds(60))
    try await limiter.enter(until: timers.now + 1)
    try await limiter.enter(until: .max)
    let tenth = UInt64(100_000_000)
    await #expect(throws: RateLimitedError(limiter: "mails", retryAfter: .milliseconds(100))) {
      try await limiter.enter(until: timers.now + tenth - 1)
    }
    let deadline = timers.now + tenth
    async let entered: Void = limiter.enter(until: deadline)
    await whenWaiting(1)
    await clock.whenAsleep(atLeast: 1)
    clock.advance(by: .milliseconds(100))
    try await entered
    clock.advance(by: .seconds(1))
    await #expect(throws: DeadlinePassed.self) { try await limiter.enter(until: timers.now) }
    #expect(limiter.available == 2)
    #expect(timers.armed == 0)
  }

  // MARK: - Many tasks

  @Test func `many tasks together get as many permits as came in`() async throws {
    let limiter = try RateLimiter("many", .init(permits: 1000, burst: 50), timers: timers)
    let allowed = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask { [clock] in
          var allowed = 0
          for _ in 0..<500 {
            clock.advance(by: .microseconds(250))
            if (try? limiter.take()) != nil { allowed += 1 }
          }
          return allowed
        }
      }
      return await group.reduce(0, +)
    }
    // A second went by in all.
    #expect(allowed <= 1050)
    #expect(allowed + limiter.available >= 1000)
    let figures = limiter.figures
    #expect(figures.allowed == allowed)
    #expect(figures.rejected == 4000 - allowed)
  }

  @Test func `many who wait and are cancelled leave nothing behind`() async throws {
    let limiter = try RateLimiter(
      "many", .init(permits: 1000, burst: 1, longestWait: .seconds(60)), timers: timers)
    try limiter.take()
    let tasks = (0..<200).map { _ in Task { try await limiter.wait() } }
    await whenWaiting(200)
    for task in tasks { task.cancel() }
    for task in tasks {
      await #expect(throws: CancellationError.self) { try await task.value }
    }
    #expect(timers.armed == 0)
    #expect(throws: RateLimitedError(limiter: "many", retryAfter: .milliseconds(1))) {
      try limiter.take()
    }
  }

  // MARK: - Options and errors

  @Test(arguments: [
    (RateLimiter.Options(permits: 0), "permits is 0; it may be 1 to 1000000000"),
    (RateLimiter.Options(permits: -3), "permits is -3; it must be 1 or more"),
    (
      RateLimiter.Options(permits: 1001, per: .microseconds(1)),
      "permits is 1001; it may be 1 to 1000"
    ),
    (
      RateLimiter.Options(permits: 1, per: .nanoseconds(999)),
      "per (nanoseconds) is 999; it may be 1000 to 86400000000000"
    ),
    (
      RateLimiter.Options(permits: 1, per: .seconds(-1)),
      "per is -1.0 seconds; it may be 1 us to a day"
    ),
    (RateLimiter.Options(burst: 0), "burst is 0; it must be 1 or more"),
    (RateLimiter.Options(burst: -1), "burst is -1; it must be 1 or more"),
    (
      RateLimiter.Options(permits: 1, per: .seconds(86400), burst: 366),
      "burst is 366; it may be 1 to 365"
    ),
    (
      RateLimiter.Options(longestWait: .seconds(-1)),
      "longestWait is -1.0 seconds; it may be 0 to 365 days"
    ),
    (
      RateLimiter.Options(longestWait: .seconds(31_536_001)),
      "longestWait is 31536001.0 seconds; it may be 0 to 365 days"
    ),
  ])
  func `what is out of range is refused by its name`(
    options: RateLimiter.Options, message: String
  ) {
    let error = #expect(throws: HoldfastError.self) { try RateLimiter("x", options) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == message)
  }

  @Test func `the error says who, why and when`() {
    let soon = RateLimitedError(limiter: "ma\nils", retryAfter: .milliseconds(250))
    #expect(soon.code == .rateLimited)
    #expect(
      "\(soon)" == "rate_limited: the rate limiter 'ma ils' permits no more for now; "
        + "it may be called again in 0.25 seconds")
    let never = RateLimitedError(limiter: "mails", retryAfter: nil)
    #expect("\(never)".hasSuffix("it never permits so many at once"))
    #expect((soon as any RetryAfterError).retryAfter == .milliseconds(250))
  }
}
