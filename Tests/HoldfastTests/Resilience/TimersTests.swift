import Dispatch
import Synchronization
import Testing

@testable import Holdfast

/// What is told in time, what is not told, and what wakes whoever tells.
@Suite(.timeLimit(.minutes(2))) struct TimersTests {
  /// Remembers that it was told, and lets a task wait for that.
  private final class Target: TimerTarget, @unchecked Sendable {
    private let told = AsyncStream<Void>.makeStream()
    private let count = Atomic(0)
    private let onTold: (@Sendable () -> Void)?

    init(_ onTold: (@Sendable () -> Void)? = nil) { self.onTold = onTold }

    override func timeIsUp() {
      count.add(1, ordering: .relaxed)
      onTold?()
      told.continuation.yield()
    }

    var timesTold: Int { count.load(ordering: .relaxed) }

    func whenTold() async { for await _ in told.stream { return } }
  }

  private let clock = ManualClock(at: .seconds(100))
  private let timers: Timers

  init() { timers = Timers(clock: clock) }

  private func ns(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }

  /// Where the manual clock is when the timers' own time is that.
  private func instant(_ nanoseconds: UInt64) -> Duration {
    .seconds(100) + Duration(nanoseconds: nanoseconds)
  }

  // MARK: - When

  @Test func `a target is told at its deadline, once, and not before`() async {
    let target = Target()
    let timer = timers.arm(target, at: ns(5))
    await clock.whenAsleep(until: instant(ns(5)))
    clock.advance(by: .seconds(5) - .nanoseconds(1))
    #expect(timers.armed == 1)
    #expect(target.timesTold == 0)
    clock.advance(by: .nanoseconds(1))
    await target.whenTold()
    #expect(target.timesTold == 1)
    #expect(timers.armed == 0)
    #expect(!timers.disarm(timer))
  }

  @Test func `time is counted from when the timers were made`() {
    #expect(timers.now == 0)
    clock.advance(by: .seconds(3))
    #expect(timers.now == ns(3))
  }

  @Test func `what has passed already is told soon`() async {
    clock.advance(by: .seconds(7))
    let target = Target()
    _ = timers.arm(target, at: ns(6))
    await target.whenTold()
  }

  @Test func `what is never due is kept until it is disarmed`() {
    let timer = timers.arm(Target(), at: .max)
    #expect(timers.armed == 1)
    #expect(clock.deadlines == [])
    #expect(timers.disarm(timer))
    #expect(timers.armed == 0)
    #expect(!timers.disarm(.none))
  }

  @Test func `many are each told once`() async {
    let targets = (0..<1000).map { _ in Target() }
    for (index, target) in targets.enumerated() {
      _ = timers.arm(target, at: ns(1) + UInt64(index % 700) * 1_000_003)
    }
    clock.advance(by: .seconds(3))
    for target in targets { await target.whenTold() }
    #expect(targets.allSatisfy { $0.timesTold == 1 })
    #expect(timers.armed == 0)
  }

  // MARK: - Disarming

  @Test func `what is disarmed is not told, and let go`() async {
    weak var released: Target?
    let other = Target()
    do {
      let target = Target()
      released = target
      let timer = timers.arm(target, at: ns(5))
      _ = timers.arm(other, at: ns(5))
      #expect(timers.disarm(timer))
      #expect(!timers.disarm(timer))
    }
    #expect(released == nil)
    clock.advance(by: .seconds(5))
    await other.whenTold()
  }

  @Test func `a target is kept until it was told, and let go after`() async {
    weak var kept: Target?
    let told = AsyncStream<Void>.makeStream()
    do {
      let target = Target { told.continuation.yield() }
      kept = target
      _ = timers.arm(target, at: ns(5))
    }
    #expect(kept != nil)
    clock.advance(by: .seconds(5))
    for await _ in told.stream { break }
    // A pass lets go of its targets before it sets the alarm.
    _ = timers.arm(Target(), at: ns(9))
    await clock.whenAsleep(until: instant(ns(9)))
    #expect(kept == nil)
  }

  @Test func `targets are let go with the timers, untold`() {
    weak var released: Target?
    do {
      let target = Target()
      released = target
      _ = Timers(clock: clock).arm(target, at: ns(5))
      #expect(target.timesTold == 0)
    }
    #expect(released == nil)
  }

  @Test func `timers that are let go do not leave a sleeper behind`() async {
    do {
      let timers = Timers(clock: clock)
      _ = timers.arm(Target(), at: ns(5))
      await clock.whenAsleep(until: instant(ns(5)))
    }
    await clock.whenDeadlines { $0.isEmpty }
  }

  // MARK: - The alarm

  @Test func `an earlier deadline wakes whoever sleeps, a later one does not`() async {
    let targets = (0..<4).map { _ in Target() }
    _ = timers.arm(targets[0], at: ns(50))
    await clock.whenAsleep(until: instant(ns(50)))
    let later = timers.arm(targets[1], at: ns(60))
    let alike = timers.arm(targets[2], at: ns(50))
    #expect(clock.deadlines == [instant(ns(50))])
    _ = timers.arm(targets[3], at: ns(20))
    await clock.whenDeadlines { [instant = instant(ns(20))] in $0 == [instant] }
    clock.advance(by: .seconds(20))
    await targets[3].whenTold()
    await clock.whenDeadlines { [instant = instant(ns(50))] in $0 == [instant] }
    #expect(timers.disarm(later))
    #expect(timers.disarm(alike))
  }

  @Test func `when nothing is left nobody sleeps`() async {
    let timer = timers.arm(Target(), at: ns(5))
    await clock.whenAsleep(until: instant(ns(5)))
    timers.disarm(timer)
    clock.advance(by: .seconds(5))
    await clock.whenDeadlines { $0.isEmpty }
    let target = Target()
    _ = timers.arm(target, at: ns(6))
    await clock.whenAsleep(until: instant(ns(6)))
    clock.advance(by: .seconds(1))
    await target.whenTold()
  }

  @Test func `a target may arm and disarm`() async {
    let timers = timers
    let last = Target()
    let victim = Target()
    let timer = timers.arm(victim, at: ns(30))
    let first = Target {
      timers.disarm(timer)
      _ = timers.arm(last, at: 7_000_000_000)
    }
    _ = timers.arm(first, at: ns(5))
    clock.advance(by: .seconds(5))
    await first.whenTold()
    await clock.whenAsleep(until: instant(ns(7)))
    clock.advance(by: .seconds(40))
    await last.whenTold()
    #expect(victim.timesTold == 0)
  }

  /// Between looking at the wheels and going to sleep: the clock is read before each wheel.
  @Test func `what is armed during a pass is not forgotten`() async {
    for readToMeet in 1...9 {
      let clock = ManualClock()
      let timers = Timers(clock: clock)
      let first = Target()
      _ = timers.arm(first, at: ns(5))
      await clock.whenAsleep(until: .seconds(5))
      // One in each wheel, so many that none is left out.
      let targets = (0..<64).map { _ in Target() }
      @Sendable func meet(_ read: Int) {
        clock.atNextRead {
          guard read == readToMeet else { return meet(read + 1) }
          for target in targets { _ = timers.arm(target, at: 6_000_000_000) }
        }
      }
      meet(1)
      clock.advance(by: .seconds(5))
      await first.whenTold()
      if readToMeet == 9 { _ = clock.now }  // a pass has just eight
      await clock.whenAsleep(until: .seconds(6))
      clock.advance(by: .seconds(1))
      for target in targets { await target.whenTold() }
      #expect(timers.armed == 0)
    }
  }

  @Test func `a clock that goes back makes nobody spin`() async {
    let target = Target()
    _ = timers.arm(target, at: ns(20))
    await clock.whenAsleep(until: instant(ns(20)))
    clock.advance(by: .seconds(20))
    await target.whenTold()
    clock.advance(by: .seconds(-15))
    let second = Target()
    _ = timers.arm(second, at: ns(6))
    await clock.whenAsleep(until: instant(ns(6)))
    clock.advance(by: .seconds(2))
    await clock.whenAsleep(until: instant(ns(20)))
    clock.advance(by: .seconds(13))
    await second.whenTold()
  }

  // MARK: - Sleeping

  @Test func `a task sleeps until the deadline`() async throws {
    let timers = timers
    let sleeper = Task { try await timers.sleep(until: 5_000_000_000) }
    await clock.whenAsleep(until: instant(ns(5)))
    clock.advance(by: .seconds(5))
    try await sleeper.value
    #expect(timers.armed == 0)
    try await timers.sleep(until: ns(5))
    try await timers.sleep(until: 0)
  }

  @Test func `a sleeper that is cancelled throws, and leaves no timer behind`() async {
    let timers = timers
    let asleep = Task { try await timers.sleep(until: 5_000_000_000) }
    await clock.whenAsleep(until: instant(ns(5)))
    asleep.cancel()
    await #expect(throws: CancellationError.self) { try await asleep.value }
    #expect(timers.armed == 0)
    for deadline: UInt64 in [0, 9_000_000_000] {
      let cancelled = Task {
        unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
        try await timers.sleep(until: deadline)
      }
      await #expect(throws: CancellationError.self) { try await cancelled.value }
    }
    #expect(timers.armed == 0)
  }

  /// The cancellation comes when the sleeper has been armed, but does not wait yet.
  @Test func `a sleeper may be told or cancelled before it waits`() async throws {
    let told = TimerSleeper()
    told.timeIsUp()
    try await told.wait()
    let sleeper = TimerSleeper()
    let cancelled = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      try await sleeper.wait()
    }
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    sleeper.timeIsUp()
  }

  // MARK: - Threads

  @Test func `two thousand tasks arm, disarm and sleep at once`() async throws {
    let timers = timers
    let clock = clock
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<2000 {
        let deadline = UInt64(index % 50) * 1_000_000
        group.addTask {
          switch index % 4 {
          case 0: try await timers.sleep(until: deadline)
          case 1:
            let target = Target()
            let timer = timers.arm(target, at: deadline)
            let isDisarmed = timers.disarm(timer)
            if !isDisarmed { await target.whenTold() }
            #expect(target.timesTold == (isDisarmed ? 0 : 1))
          case 2:
            let target = Target()
            let timer = timers.arm(target, at: deadline)
            await target.whenTold()
            #expect(target.timesTold == 1)
            #expect(!timers.disarm(timer))
          default:
            if index % 40 == 3 { clock.advance(by: .milliseconds(1)) }
          }
        }
      }
      // All of them have passed then, also what is armed later.
      clock.advance(by: .seconds(1))
      try await group.waitForAll()
    }
    #expect(timers.armed == 0)
  }

  // MARK: - The system's clock

  @Test func `sleepers of the system's clock wake in their time`() async throws {
    let timers = Timers.standard
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<500 {
        group.addTask {
          let deadline = timers.now + UInt64(index * 7919 % 5000) * 1000
          try await timers.sleep(until: deadline)
          #expect(timers.now >= deadline)
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func `a deadline beyond all dates is one`() {
    let timers = Timers.standard
    for deadline: UInt64 in [.max - 1, 1 << 63, (1 << 63) - 1] {
      #expect(timers.disarm(timers.arm(Target(), at: deadline)))
    }
  }

  /// Else no call could time out while others hold all threads.
  @Test func `timers are told while every thread for tasks is held`() async {
    @Sendable func hold() {
      let isUp = DispatchSemaphore(value: 0)
      _ = Timers.standard.arm(Target { isUp.signal() }, at: Timers.standard.now + 1_000_000)
      isUp.wait()
    }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<64 { group.addTask { hold() } }
    }
  }
}
