import Testing

@testable import Holdfast

@Suite struct CircuitBreakerEventsTests {
  typealias Transition = CircuitBreaker.Transition

  /// What a callback was told.
  final class Record<Entry: Sendable>: Sendable {
    private let told = Guarded<[Entry]>([])
    func add(_ entry: Entry) { told.withLock { $0.append(entry) } }
    var entries: [Entry] { told.withLock { $0 } }
  }

  /// Opens, probes, opens, probes, closes.
  private func live(_ test: BreakerUnderTest) throws {
    test.fail(5)
    test.clock.advance(by: test.openTime)
    test.fail()
    test.clock.advance(by: test.openTime)
    try test.succeed(2)
  }

  private let life = [
    "circuit breaker 'storage': closed to open (failures), for 60.0 seconds",
    "circuit breaker 'storage': open to half_open (open_time_over)",
    "circuit breaker 'storage': half_open to open (probe_failed), for 60.0 seconds",
    "circuit breaker 'storage': open to half_open (open_time_over)",
    "circuit breaker 'storage': half_open to closed (probes_succeeded)",
  ]

  @Test func `each transition goes to the log, the callback and the streams once, in order`()
    async throws
  {
    let told = Record<String>()
    let test = try BreakerUnderTest(
      log: { line, transition in
        #expect(line == transition.description)
        told.add("log \(transition.generation)")
      },
      onTransition: { told.add("callback \($0.generation)") })
    let first = test.breaker.events()
    let second = test.breaker.events()
    try live(test)
    #expect(told.entries == (1...5).flatMap { ["log \($0)", "callback \($0)"] })
    for events in [first, second] {
      var lines: [String] = []
      for await transition in events {
        lines.append(transition.description)
        #expect(transition.generation == lines.count)
        #expect(transition.breaker == "storage")
        if lines.count == life.count { break }
      }
      #expect(lines == life)
      #expect(events.dropped == 0)
    }
  }

  @Test func `a transition says from where, to where and why`() throws {
    let told = Record<Transition>()
    let test = try BreakerUnderTest(
      { options in
        options.probeLease = .seconds(1)
        options.failureThreshold = 0
        options.window = .calls(10)
        options.minimumCalls = 4
        options.slowRatePercent = 50
      }, onTransition: told.add)
    test.fail(4)
    test.breaker.transition(to: .closed)
    for _ in 0..<4 { try test.breaker.acquire().slow() }
    test.clock.advance(by: test.openTime)
    let hung = try test.breaker.acquire()
    test.clock.advance(by: .seconds(2))
    try test.breaker.acquire().abandon()
    hung.abandon()
    test.breaker.reset()
    #expect(
      told.entries.map(\.cause) == [
        .failureRate, .byHand, .slowRate, .openTimeOver, .probesGivenUp, .byHand,
      ])
    #expect(
      told.entries.map(\.from) == [.closed, .open, .closed, .open, .halfOpen, .halfOpen])
    #expect(told.entries.map(\.to) == [.open, .closed, .open, .halfOpen, .halfOpen, .closed])
    #expect(
      told.entries.map(\.openFor) == [.seconds(60), nil, .seconds(60), nil, nil, nil])
    #expect(told.entries.map(\.generation) == Array(1...6))
  }

  @Test func `a slow reader loses the oldest, and is told how many`() async throws {
    let test = try BreakerUnderTest()
    let events = test.breaker.events(keepingNewest: 3)
    for _ in 0..<10 { test.breaker.transition(to: .open) }
    #expect(events.dropped == 7)
    var generations: [Int] = []
    for await transition in events {
      generations.append(transition.generation)
      if generations.count == 3 { break }
    }
    #expect(generations == [8, 9, 10])
    let one = test.breaker.events(keepingNewest: -5)
    for _ in 0..<2 { test.breaker.transition(to: .open) }
    #expect(one.dropped == 1)
  }

  @Test func `events begin when they are asked for, and end with the breaker`() async throws {
    var generations: [Int] = []
    let events = try {
      let test = try BreakerUnderTest()
      test.breaker.transition(to: .open)
      let events = test.breaker.events()
      test.breaker.transition(to: .closed)
      return events
    }()
    for await transition in events { generations.append(transition.generation) }
    #expect(generations == [2])
  }

  @Test func `a reader that stops is forgotten`() async throws {
    let test = try BreakerUnderTest()
    let breaker = test.breaker
    let events = breaker.events(keepingNewest: 1)
    let reader = Task {
      for await _ in events {}
    }
    reader.cancel()
    await reader.value
    for _ in 0..<3 { breaker.transition(to: .open) }
    #expect(events.dropped == 0)
  }

  @Test func `a callback may use the breaker, and what it does comes after`() throws {
    let told = Record<Transition>()
    let box = Guarded<CircuitBreaker?>(nil)
    let test = try BreakerUnderTest(onTransition: { transition in
      told.add(transition)
      let breaker = box.withLock { $0 }
      if transition.cause == .failures { breaker?.transition(to: .closed) }
      // Had the other transition been told meanwhile, this would come after it.
      told.add(transition)
    })
    box.withLock { $0 = test.breaker }
    defer { box.withLock { $0 = nil } }
    test.fail(5)
    #expect(told.entries.map(\.generation) == [1, 1, 2, 2])
    #expect(test.breaker.state == .closed)
  }

  @Test func `tasks at once make each transition be told once, in order`() async throws {
    let told = Record<Transition>()
    let logged = Record<Int>()
    let test = try BreakerUnderTest(
      { options in
        options.failureThreshold = 1
        options.openTime = .milliseconds(1)
        options.successThreshold = 1
      }, log: { _, transition in logged.add(transition.generation) }, onTransition: told.add)
    let events = test.breaker.events(keepingNewest: 1_000_000)
    let breaker = test.breaker
    let clock = test.clock
    await withTaskGroup { group in
      for part in 0..<4 {
        group.addTask {
          for round in 0..<5000 {
            let failed = (round + part) % 3 == 0
            do {
              try breaker.run { if failed { throw ServiceError.down } }
            } catch is CircuitOpenError {
              clock.advance(by: .milliseconds(1))
            } catch {}
            if round % 512 == part { breaker.transition(to: .closed) }
          }
        }
      }
    }
    let transitions = told.entries
    let count = transitions.count
    #expect(count > 1000)
    #expect(transitions.map(\.generation) == Array(1...count))
    #expect(logged.entries == Array(1...count))
    for (before, after) in zip(transitions, transitions.dropFirst()) {
      #expect(before.to == after.from)
    }
    #expect(breaker.metrics.opens == transitions.count { $0.to == .open })
    var streamed: [Int] = []
    for await transition in events {
      streamed.append(transition.generation)
      if streamed.count == count { break }
    }
    #expect(streamed == Array(1...count))
    let metrics = breaker.metrics
    #expect(metrics.calls + metrics.late + metrics.rejected == 20_000)
  }

  @Test func `generations begin again after the last`() throws {
    let count = Guarded(0)
    let last = Guarded(0)
    let test = try BreakerUnderTest(onTransition: { transition in
      count.withLock { $0 += 1 }
      last.withLock { $0 = transition.generation }
    })
    for _ in 0..<(1 << 20 + 3) { test.breaker.transition(to: .closed) }
    #expect(count.withLock { $0 } == 1 << 20 + 3)
    #expect(last.withLock { $0 } == 3)
  }
}
