import Dispatch
import Testing

@testable import Holdfast

/// One run of a body, and whether what it leaves may be used for another.
@Suite(.timeLimit(.minutes(2))) struct AttemptTests {
  private enum Ending: Equatable {
    case returned(isReusable: Bool)
    case failed(isReusable: Bool)
    case late
  }

  private let time: SteppedTime
  private let attempt: Attempt

  init() {
    time = SteppedTime()
    attempt = Attempt(time.timers)
  }

  /// An attempt of a second.
  private func begin(_ body: @escaping @Sendable () async throws -> Void) -> SteppedCall<Ending> {
    SteppedCall { [attempt, time] in
      let outcome = await attempt.run(
        until: time.timers.now + 1_000_000_000
      ) {
        _ = Task.immediate { try await attempt.run { try await body() } }
      }
      switch outcome {
      case .ended(nil, let isReusable): return .returned(isReusable: isReusable)
      case .ended(_, let isReusable): return .failed(isReusable: isReusable)
      case .late: return .late
      }
    }
  }

  @Test func `what ended may be used again, as often as one likes`() async {
    for _ in 0..<3 {
      #expect(begin {}.goOn().value == .returned(isReusable: true))
      #expect(begin { throw LastingError() }.goOn().value == .failed(isReusable: true))
      let latch = Latch()
      let call = begin { try await latch.wait() }.goOn()
      latch.open()
      #expect(await call.end().value == .returned(isReusable: true))
    }
    #expect(time.timers.armed == 0)
  }

  @Test func `what was late may not`() {
    let latch = Latch()
    let call = begin { await latch.waitStubbornly() }.goOn()
    time.advance(by: .seconds(1))
    #expect(call.goOn().value == .late)
    latch.open()
  }

  /// Holds up whoever tells timers.
  private final class Obstacle: TimerTarget, @unchecked Sendable {
    let reached: Latch
    let passed: DispatchSemaphore

    init(_ reached: Latch, _ passed: DispatchSemaphore) {
      self.reached = reached
      self.passed = passed
    }

    override func timeIsUp() {
      reached.open()
      passed.wait()
    }
  }

  @Test func `nor what its timer has in hand`() async {
    let (reached, passed) = (Latch(), DispatchSemaphore(value: 0))
    // In the same wheel, and so taken out of it together.
    var others: [Obstacle] = []
    var obstacles: [Obstacle] = []
    while obstacles.count < 2 {
      let obstacle = Obstacle(reached, passed)
      if Timers.shard(for: obstacle) == Timers.shard(for: attempt) {
        obstacles.append(obstacle)
      } else {
        others.append(obstacle)
      }
    }
    // One of them is told before the attempt, in whichever order they are.
    _ = time.timers.arm(obstacles[0], at: 1_000_000_000)
    let latch = Latch()
    let call = begin { await latch.waitStubbornly() }.goOn()
    _ = time.timers.arm(obstacles[1], at: 1_000_000_000)
    let pass = Task.detached { [time] in time.advance(by: .seconds(1)) }
    await reached.waitStubbornly()
    #expect(time.timers.armed == 0)
    latch.open()
    #expect(await call.end().value == .returned(isReusable: false))
    passed.signal()
    passed.signal()
    await pass.value
  }

  @Test func `nor what was cancelled before it began`() async throws {
    let threads = SteppedExecutor()
    let script = Script()
    let call = SteppedCall { [attempt] in
      let outcome = await attempt.run(until: .max) {
        _ = Task(executorPreference: threads) { try await attempt.run { script.next() } }
      }
      if case .ended(is CancellationError, isReusable: false) = outcome { return true }
      return false
    }.goOn()
    #expect(threads.isReady)
    call.cancel()
    #expect(call.goOn().value == true)
    while threads.step() {}
    #expect(script.count == 0)
    #expect(time.timers.armed == 0)
  }

  @Test func `without memory for its timer it is late at once`() {
    let call = SteppedCall { [attempt] in
      attempt.timeIsUp()
      let outcome = await attempt.run(until: .max) {
        _ = Task.immediate { try await attempt.run { Issue.record("it began") } }
      }
      if case .late = outcome { return true }
      return false
    }.goOn()
    #expect(call.value == true)
  }
}
