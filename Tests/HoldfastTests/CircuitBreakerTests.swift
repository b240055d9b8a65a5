import Holdfast
import Synchronization
import Testing

/// What a service under test throws.
enum ServiceError: Error, Hashable {
  case down
  case notFound
}

/// A breaker with a clock that stands still, and shortcuts to bring it about.
struct BreakerUnderTest {
  let clock = ManualClock(at: .seconds(7))
  let breaker: CircuitBreaker
  let openTime = Duration.seconds(60)

  init(
    _ change: (inout CircuitBreaker.Options) -> Void = { _ in },
    classify: @escaping @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure },
    log: CircuitBreaker.Log? = nil,
    onTransition: (@Sendable (CircuitBreaker.Transition) -> Void)? = nil
  ) throws {
    var options = CircuitBreaker.Options()
    change(&options)
    breaker = try CircuitBreaker(
      "storage", options: options, clock: clock, classify: classify, log: log,
      onTransition: onTransition)
  }

  func fail(_ times: Int = 1) {
    for _ in 0..<times {
      #expect(throws: ServiceError.down) { try breaker.run { throw ServiceError.down } }
    }
  }

  func succeed(_ times: Int = 1) throws {
    for _ in 0..<times { try breaker.run {} }
  }
}

@Suite struct CircuitBreakerTests {
  // MARK: - What passes

  @Test func `a call that is permitted returns what its body returns`() async throws {
    let test = try BreakerUnderTest()
    let here = try syncly { try test.breaker.run { 42 } }
    let there = try await test.breaker.run { () async in 43 }
    #expect(here == 42)
    #expect(there == 43)
    #expect(test.breaker.metrics.successes == 2)
  }

  @Test func `the error of a body passes as it is, and counts as a failure`() async throws {
    let test = try BreakerUnderTest()
    #expect(throws: ServiceError.notFound) {
      try test.breaker.run { throw ServiceError.notFound }
    }
    await #expect(throws: ServiceError.down) {
      try await test.breaker.run { () async throws in throw ServiceError.down }
    }
    #expect(test.breaker.metrics.failures == 2)
    #expect(test.breaker.metrics.consecutiveFailures == 2)
  }

  @Test func `a body may return what cannot be copied`() throws {
    struct Handle: ~Copyable { let number: Int }
    let test = try BreakerUnderTest()
    let handle = try test.breaker.run { Handle(number: 3) }
    #expect(handle.number == 3)
    let other = test.breaker.run {
      Handle(number: 4)
    } fallback: { _ in
      Handle(number: 5)
    }
    #expect(other.number == 4)
  }

  @Test @MainActor func `a body runs on the actor of its caller`() async throws {
    let test = try BreakerUnderTest()
    var local = 0
    try await test.breaker.run {
      MainActor.assertIsolated()
      await Task.yield()
      local += 1
    }
    #expect(local == 1)
  }

  // MARK: - What is refused

  @Test func `five failures in a row open it, and a success between them begins anew`() throws {
    let test = try BreakerUnderTest()
    test.fail(4)
    try test.succeed()
    test.fail(4)
    #expect(test.breaker.state == .closed)
    test.fail()
    #expect(test.breaker.state == .open)
  }

  @Test func `an open circuit says its name and how long to wait`() async throws {
    let test = try BreakerUnderTest()
    test.fail(5)
    test.clock.advance(by: .seconds(12))
    let here = #expect(throws: CircuitOpenError.self) {
      try test.breaker.run { Issue.record("the body was called") }
    }
    let there = await #expect(throws: CircuitOpenError.self) {
      try await test.breaker.run { () async in Issue.record("the body was called") }
    }
    let expected = CircuitOpenError(breaker: "storage", retryAfter: .seconds(48))
    #expect(here == expected)
    #expect(there == expected)
    #expect(expected.code == .circuitOpen)
    #expect(
      expected.description
        == "circuit_open: the circuit breaker 'storage' is open; it may be called again in 48.0 seconds"
    )
    #expect(test.breaker.metrics.rejected == 2)
    #expect(test.breaker.metrics.retryAfter == .seconds(48))
  }

  @Test func `a circuit that was opened by hand does not say how long to wait`() throws {
    let test = try BreakerUnderTest()
    test.breaker.transition(to: .forcedOpen)
    test.clock.advance(by: .seconds(100_000))
    let error = #expect(throws: CircuitOpenError.self) { try test.succeed() }
    #expect(error == CircuitOpenError(breaker: "storage", retryAfter: nil))
    #expect(error?.description == "circuit_open: the circuit breaker 'storage' is open")
  }

  @Test func `a name cannot act on the log that shows it`() {
    let error = CircuitOpenError(breaker: "a\n\u{1B}[2J", retryAfter: nil)
    #expect(error.description == "circuit_open: the circuit breaker 'a  [2J' is open")
  }

  @Test func `a fallback takes the place of a refused call only`() async throws {
    let test = try BreakerUnderTest()
    let before = test.breaker.run {
      "called"
    } fallback: { _ in
      "refused"
    }
    #expect(before == "called")
    #expect(throws: ServiceError.down) {
      try test.breaker.run {
        throw ServiceError.down
      } fallback: { _ in
      }
    }
    test.fail(4)
    let here = syncly {
      test.breaker.run {
        "called"
      } fallback: {
        "\($0.breaker) in \($0.retryAfter ?? .zero)"
      }
    }
    let there = await test.breaker.run {
      await Task.yield()
      return "called"
    } fallback: { error in
      await Task.yield()
      return "\(error.breaker) later"
    }
    #expect(here == "storage in 60.0 seconds")
    #expect(there == "storage later")
  }

  @Test func `what a fallback throws is not counted`() throws {
    let test = try BreakerUnderTest()
    test.fail(5)
    let before = test.breaker.metrics
    #expect(throws: ServiceError.notFound) {
      try test.breaker.run {
        throw ServiceError.down
      } fallback: { _ in
        throw ServiceError.notFound
      }
    }
    #expect(test.breaker.metrics.failures == before.failures)
    #expect(test.breaker.metrics.late == 0)
    #expect(test.breaker.metrics.rejected == before.rejected + 1)
  }

  // MARK: - Typed errors

  @Test func `a typed body has a typed error`() async throws {
    let test = try BreakerUnderTest { $0.failureThreshold = 2 }
    do {
      try syncly { () throws(CircuitBreakerError<ServiceError>) in
        try test.breaker.runTyped { () throws(ServiceError) in throw .notFound }
      }
    } catch .body(let error) {
      #expect(error == .notFound)
    } catch .open(let error) {
      Issue.record(error)
    }
    do {
      try await test.breaker.runTyped { () async throws(ServiceError) in
        await Task.yield()
        throw .down
      }
    } catch .body(let error) {
      #expect(error == .down)
    } catch .open(let error) {
      Issue.record(error)
    }
    let expected = CircuitOpenError(breaker: "storage", retryAfter: .seconds(60))
    let here = #expect(throws: CircuitBreakerError<ServiceError>.self) {
      try syncly { try test.breaker.runTyped { () throws(ServiceError) in 1 } }
    }
    #expect(here == .open(expected))
    #expect(here?.description == expected.description)
    let there = await #expect(throws: CircuitBreakerError<ServiceError>.self) {
      try await test.breaker.runTyped { () async throws(ServiceError) in 1 }
    }
    #expect(there == .open(expected))
    #expect(test.breaker.metrics.failures == 2)
  }

  @Test func `with a fallback the error has the body's own type`() async throws {
    let test = try BreakerUnderTest()
    do {
      try syncly { () throws(ServiceError) in
        try test.breaker.run { () throws(ServiceError) in
          throw .notFound
        } fallback: { _ in
        }
      }
    } catch {
      #expect(error == .notFound)
    }
    do {
      try await test.breaker.run { () async throws(ServiceError) in
        throw .down
      } fallback: { _ in
      }
    } catch {
      #expect(error == .down)
    }
    #expect(test.breaker.metrics.failures == 2)
  }

  @Test func `a typed success counts and returns`() async throws {
    let test = try BreakerUnderTest()
    let here = try syncly { try test.breaker.runTyped { 1 } }
    let there = try await test.breaker.runTyped { () async in 2 }
    #expect(here + there == 3)
    #expect(test.breaker.metrics.successes == 2)
  }

  // MARK: - What counts

  @Test func `errors count as the classifier says`() async throws {
    let test = try BreakerUnderTest(classify: { error in
      switch error as? ServiceError {
      case .notFound: .ignored
      case .down: .failure
      case nil: .success
      }
    })
    struct Other: Error {}
    test.fail(4)
    #expect(throws: ServiceError.notFound) {
      try test.breaker.run { throw ServiceError.notFound }
    }
    #expect(test.breaker.metrics.consecutiveFailures == 4)
    #expect(test.breaker.metrics.neutral == 1)
    await #expect(throws: Other.self) {
      try await test.breaker.run { () async throws in throw Other() }
    }
    #expect(test.breaker.metrics.consecutiveFailures == 0)
    #expect(test.breaker.metrics.successes == 1)
    #expect(test.breaker.metrics.failures == 4)
  }

  @Test func `results count as the closure says`() async throws {
    let test = try BreakerUnderTest()
    func judge(_ result: Int) -> CircuitBreaker.Outcome { result == 0 ? .failure : .slow }
    _ = try syncly {
      try test.breaker.run {
        0
      } outcome: {
        judge($0)
      }
    }
    _ = try await test.breaker.run { () async in
      0
    } outcome: {
      judge($0)
    }
    _ = syncly {
      test.breaker.run {
        0
      } outcome: {
        judge($0)
      } fallback: { _ in
        2
      }
    }
    _ = await test.breaker.run { () async in
      0
    } outcome: {
      judge($0)
    } fallback: { _ in
      2
    }
    #expect(test.breaker.metrics.failures == 4)
    let breaker = test.breaker
    _ = try syncly {
      try breaker.runTyped {
        1
      } outcome: {
        judge($0)
      }
    }
    _ = try await breaker.runTyped { () async in
      1
    } outcome: {
      judge($0)
    }
    #expect(breaker.metrics.slow == 2)
    #expect(breaker.metrics.consecutiveFailures == 0)
  }

  @Test func `a success that takes too long is slow, and enough of them open it`() throws {
    let test = try BreakerUnderTest {
      $0.slowCall = .milliseconds(200)
      $0.slowRatePercent = 50
      $0.window = .calls(10)
      $0.minimumCalls = 4
    }
    try test.succeed(2)
    for _ in 0..<2 {
      try test.breaker.run { test.clock.advance(by: .milliseconds(200)) }
    }
    #expect(test.breaker.metrics.slow == 2)
    #expect(test.breaker.metrics.opens == 1)
    #expect(test.breaker.state == .open)
  }

  @Test func `a limit of time that comes later is kept too`() throws {
    let test = try BreakerUnderTest()
    try test.breaker.run { test.clock.advance(by: .seconds(1)) }
    #expect(test.breaker.metrics.slow == 0)
    var options = CircuitBreaker.Options()
    options.slowCall = .seconds(1)
    try test.breaker.configure(options)
    try test.breaker.run { test.clock.advance(by: .seconds(1)) }
    #expect(test.breaker.metrics.slow == 1)
  }

  @Test func `the clock is read once for a success that needs no time`() throws {
    let test = try BreakerUnderTest()
    let before = test.clock.readCount
    try test.succeed()
    #expect(test.clock.readCount - before == 1)
    test.fail()
    #expect(test.clock.readCount - before == 3)
  }

  @Test func `a window of time forgets`() throws {
    let test = try BreakerUnderTest {
      $0.failureThreshold = 0
      $0.window = .time(.seconds(10))
      $0.minimumCalls = 4
    }
    test.fail(3)
    test.clock.advance(by: .seconds(11))
    // Opens if the success is entered into the window of three failures.
    try test.succeed(3)
    test.fail()
    #expect(test.breaker.metrics.windowCalls == 4)
    #expect(test.breaker.metrics.windowFailures == 1)
    #expect(test.breaker.metrics.failureRate == 0.25)
    test.fail(2)
    #expect(test.breaker.state == .open)
  }

  @Test func `a success enters a window of time when it ends`() throws {
    let test = try BreakerUnderTest {
      $0.window = .time(.seconds(10))
    }
    try test.breaker.run { test.clock.advance(by: .seconds(30)) }
    #expect(test.breaker.metrics.windowCalls == 1)
  }

  @Test func `a result that comes too late changes nothing`() throws {
    let test = try BreakerUnderTest()
    try test.breaker.run { test.fail(5) }
    #expect(test.breaker.state == .open)
    #expect(test.breaker.metrics.late == 1)
    #expect(test.breaker.metrics.successes == 0)
    let retry = test.breaker.metrics.retryAfter
    let permits = try twoPermits()
    test.clock.advance(by: .seconds(5))
    let counted = permits.late.fail()
    #expect(!counted)
    #expect(retry == .seconds(60))
    func twoPermits() throws -> Late {
      let other = try BreakerUnderTest()
      let permit = try other.breaker.acquire()
      other.fail(5)
      return Late(late: permit)
    }
    struct Late: ~Copyable { let late: CircuitBreaker.Permit }
  }

  // MARK: - Cancellation

  @Test func `an error after its task was cancelled counts as nothing`() async throws {
    let test = try BreakerUnderTest { $0.failureThreshold = 1 }
    let breaker = test.breaker
    let task = Task {
      try await breaker.run {
        cancelCurrentTask()
        await Task.yield()
        throw ServiceError.down
      }
    }
    await #expect(throws: ServiceError.down) { try await task.value }
    let other = Task {
      try syncly {
        try breaker.run {
          cancelCurrentTask()
          throw ServiceError.down
        }
      }
    }
    await #expect(throws: ServiceError.down) { try await other.value }
    #expect(breaker.metrics.failures == 0)
    #expect(breaker.metrics.neutral == 2)
    #expect(breaker.state == .closed)
  }

  @Test func `a body that is cancelled while it waits counts as nothing`() async throws {
    let test = try BreakerUnderTest { $0.failureThreshold = 1 }
    let breaker = test.breaker
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      try await breaker.run {
        start.finish()
        // Ends by cancellation alone.
        for await _ in AsyncStream<Void>.makeStream().stream {}
        try Task.checkCancellation()
      }
    }
    for await _ in started {}
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(breaker.metrics.neutral == 1)
    #expect(breaker.metrics.failures == 0)
  }

  @Test func `a cancellation error counts as nothing whoever throws it`() throws {
    let test = try BreakerUnderTest { $0.failureThreshold = 1 }
    for _ in 0..<3 {
      #expect(throws: CancellationError.self) { try test.breaker.run { throw CancellationError() } }
    }
    #expect(test.breaker.metrics.neutral == 3)
    #expect(test.breaker.state == .closed)
  }

  @Test func `a call that succeeds though it was cancelled has succeeded`() async throws {
    let test = try BreakerUnderTest()
    let breaker = test.breaker
    let task = Task {
      try await breaker.run { () async in cancelCurrentTask() }
    }
    try await task.value
    #expect(breaker.metrics.successes == 1)
  }

  @Test func `a cancelled probe neither closes the circuit nor opens it, and gives its place back`()
    throws
  {
    let test = try BreakerUnderTest { $0.successThreshold = 1 }
    test.fail(5)
    test.clock.advance(by: test.openTime)
    for _ in 0..<3 {
      #expect(throws: CancellationError.self) { try test.breaker.run { throw CancellationError() } }
      #expect(test.breaker.state == .halfOpen)
    }
    try test.succeed()
    #expect(test.breaker.state == .closed)
  }

  // MARK: - Probes

  @Test func `after the open time one probe passes, and two successes close it`() throws {
    let test = try BreakerUnderTest()
    test.fail(5)
    test.clock.advance(by: test.openTime - .milliseconds(1))
    #expect(test.breaker.state == .open)
    #expect(throws: CircuitOpenError.self) { try test.succeed() }
    test.clock.advance(by: .milliseconds(1))
    #expect(test.breaker.state == .halfOpen)
    let second = try test.breaker.run {
      #expect(throws: CircuitOpenError.self) { try test.succeed() }
    }
    #expect(second?.retryAfter != nil)
    #expect(test.breaker.state == .halfOpen)
    #expect(test.breaker.metrics.consecutiveSuccesses == 1)
    try test.succeed()
    #expect(test.breaker.state == .closed)
    #expect(test.breaker.metrics.closes == 1)
  }

  @Test func `a probe that fails opens it again, for longer if so chosen`() throws {
    let test = try BreakerUnderTest {
      $0.openGrowthPercent = 200
      $0.longestOpenTime = .seconds(150)
    }
    test.fail(5)
    for expected in [120, 150, 150] {
      test.clock.advance(by: test.breaker.metrics.retryAfter ?? .zero)
      test.fail()
      #expect(test.breaker.metrics.retryAfter == .seconds(expected))
    }
    #expect(test.breaker.metrics.opens == 4)
  }

  @Test func `a hung probe blocks no longer than its lease`() throws {
    let test = try BreakerUnderTest {
      $0.probeLease = .seconds(5)
      $0.successThreshold = 1
    }
    test.fail(5)
    test.clock.advance(by: test.openTime)
    let hung = try test.breaker.acquire()
    test.clock.advance(by: .milliseconds(4900))
    let refused = #expect(throws: CircuitOpenError.self) { try test.succeed() }
    let wait = try #require(refused?.retryAfter)
    #expect(wait >= .milliseconds(100) && wait <= .milliseconds(164))
    test.clock.advance(by: wait)
    try test.succeed()
    #expect(test.breaker.state == .closed)
    let counted = hung.fail()
    #expect(!counted)
    #expect(test.breaker.state == .closed)
    #expect(test.breaker.metrics.late == 1)
    #expect(test.breaker.metrics.consecutiveFailures == 0)
  }

  // MARK: - Permits

  @Test func `a permit is settled by hand`() throws {
    let test = try BreakerUnderTest()
    let breaker = test.breaker
    let counted = [
      try breaker.acquire().succeed(), try breaker.acquire().fail(), try breaker.acquire().slow(),
      try breaker.acquire().abandon(), try breaker.acquire().settle(as: .failure),
    ]
    #expect(counted == [true, true, true, true, true])
    let metrics = breaker.metrics
    #expect(metrics.successes == 1)
    #expect(metrics.failures == 2)
    #expect(metrics.slow == 1)
    #expect(metrics.neutral == 1)
  }

  @Test func `a permit that is dropped counts as nothing`() throws {
    let test = try BreakerUnderTest()
    func forget() throws {
      let permit = try test.breaker.acquire()
      if test.breaker.state != .closed { permit.fail() }
    }
    test.fail(4)
    try forget()
    #expect(test.breaker.metrics.neutral == 1)
    #expect(test.breaker.metrics.consecutiveFailures == 4)
    #expect(test.breaker.metrics.late == 0)
  }

  @Test func `a dropped probe gives its place back`() throws {
    let test = try BreakerUnderTest()
    test.fail(5)
    test.clock.advance(by: test.openTime)
    _ = try test.breaker.acquire()
    #expect(test.breaker.state == .halfOpen)
    try test.succeed()
    #expect(test.breaker.metrics.consecutiveSuccesses == 1)
  }

  @Test func `an open circuit gives no permit`() throws {
    let test = try BreakerUnderTest()
    test.fail(5)
    do {
      _ = try test.breaker.acquire()
      Issue.record("it gave one")
    } catch {
      #expect(error == CircuitOpenError(breaker: "storage", retryAfter: .seconds(60)))
    }
  }

  @Test func `a permit keeps its breaker`() throws {
    weak var breaker: CircuitBreaker?
    func permit() throws -> CircuitBreaker.Permit {
      let made = try CircuitBreaker()
      breaker = made
      return try made.acquire()
    }
    do {
      let permit = try permit()
      #expect(breaker != nil)
      permit.succeed()
    }
    #expect(breaker == nil)
  }

  // MARK: - By hand

  @Test func `a disabled breaker passes and never opens`() throws {
    let test = try BreakerUnderTest()
    test.breaker.transition(to: .disabled)
    test.fail(20)
    #expect(test.breaker.state == .disabled)
    #expect(test.breaker.metrics.failures == 20)
  }

  @Test(arguments: CircuitBreaker.State.allCases)
  func `every state may be chosen, has its name and its gauge`(state: CircuitBreaker.State) throws {
    let names = ["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"]
    let test = try BreakerUnderTest()
    test.breaker.transition(to: state)
    #expect(test.breaker.state == state)
    #expect(test.breaker.metrics.state == state)
    #expect(state.description == names[CircuitBreaker.State.allCases.firstIndex(of: state) ?? 0])
    #expect(test.breaker.metrics.openGauge == (state == .open || state == .forcedOpen ? 1 : 0))
  }

  @Test func `resetting closes it and begins all figures anew`() throws {
    let test = try BreakerUnderTest { $0.window = .calls(100) }
    test.fail(5)
    _ = try? test.succeed()
    test.breaker.reset()
    let metrics = test.breaker.metrics
    #expect(metrics.state == .closed)
    #expect(metrics.calls + metrics.neutral + metrics.late + metrics.rejected == 0)
    #expect(metrics.opens + metrics.closes + metrics.windowCalls == 0)
    #expect(metrics.failureRate == 0)
    #expect(metrics.retryAfter == nil)
    test.fail(4)
    #expect(test.breaker.state == .closed)
  }

  @Test func `the failure rate is of all calls where there is no window`() throws {
    let test = try BreakerUnderTest()
    try test.succeed(3)
    test.fail()
    #expect(test.breaker.metrics.failureRate == 0.25)
    #expect(test.breaker.metrics.calls == 4)
  }

  // MARK: - Clocks

  @Test func `an open breaker outlives a clock that goes back`() throws {
    let test = try BreakerUnderTest()
    test.clock.advance(by: .seconds(-100))
    test.fail(5)
    #expect(test.breaker.state == .open)
    test.clock.advance(by: .seconds(-100))
    #expect(test.breaker.state == .open)
    test.clock.advance(by: .seconds(200) + test.openTime)
    #expect(test.breaker.state == .halfOpen)
  }

  @Test func `the clocks of the system will do`() throws {
    for breaker in [
      try CircuitBreaker(), try CircuitBreaker(clock: ContinuousClock()),
      try CircuitBreaker("named", clock: SuspendingClock()),
    ] {
      try breaker.run {}
      for _ in 0..<5 { breaker.transition(to: .open) }
      let error = #expect(throws: CircuitOpenError.self) { try breaker.run {} }
      let wait = try #require(error?.retryAfter)
      #expect(wait > .seconds(1) && wait <= .milliseconds(60_001))
      #expect(["default", "named"].contains(breaker.name))
    }
  }
}

func cancelCurrentTask() {
  unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
}

/// Runs a body where nothing may be awaited, so that the form without `async` is called.
func syncly<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  try body()
}
