import Testing

@testable import Holdfast

/// The clock that the tests of time stand on.
@Suite struct ManualClockTests {
  private let clock = ManualClock(at: .seconds(10))

  private func sleeping(until instant: Duration) -> Task<Void, any Error> {
    Task { [clock] in
      try await clock.sleep(until: .init(sinceStart: instant), tolerance: nil)
    }
  }

  @Test func `who sleeps wakes when the clock is moved there, and not before`() async throws {
    let first = sleeping(until: .seconds(12))
    let second = sleeping(until: .seconds(15))
    await clock.whenAsleep(atLeast: 2)
    #expect(clock.deadlines == [.seconds(12), .seconds(15)])
    clock.advance(by: .seconds(2) - .nanoseconds(1))
    #expect(clock.deadlines == [.seconds(12), .seconds(15)])
    clock.advance(by: .nanoseconds(1))
    #expect(clock.deadlines == [.seconds(15)])
    try await first.value
    clock.advance(by: .seconds(-5))
    clock.advance(to: .seconds(20))
    #expect(clock.deadlines == [])
    try await second.value
  }

  @Test func `what has passed is no sleep`() async throws {
    try await sleeping(until: .seconds(10)).value
    try await sleeping(until: .seconds(3)).value
  }

  @Test func `who is cancelled wakes with an error, before or while asleep`() async {
    let asleep = sleeping(until: .seconds(12))
    await clock.whenAsleep(until: .seconds(12))
    asleep.cancel()
    await #expect(throws: CancellationError.self) { try await asleep.value }
    await clock.whenDeadlines { $0.isEmpty }
    let early = sleeping(until: .seconds(12))
    early.cancel()
    await #expect(throws: CancellationError.self) { try await early.value }
    #expect(clock.deadlines == [])
  }

  @Test func `who waits for sleepers is told as soon as there are such`() async throws {
    async let until: Void = clock.whenAsleep(until: .seconds(12))
    async let earlier: Void = clock.whenAsleep(noLaterThan: .seconds(13))
    async let later: Void = clock.whenAsleep(noEarlierThan: .seconds(14))
    async let two: Void = clock.whenAsleep(atLeast: 2)
    let sleepers = [sleeping(until: .seconds(12)), sleeping(until: .seconds(15))]
    _ = await (until, earlier, later, two)
    clock.advance(by: .seconds(5))
    for sleeper in sleepers { try await sleeper.value }
  }
}
