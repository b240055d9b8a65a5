import Testing

@testable import Holdfast

@Suite struct CircuitBreakerRegistryTests {
  private let clock = ManualClock(at: .seconds(3))

  private func fail(_ breaker: CircuitBreaker, _ times: Int) {
    for _ in 0..<times {
      #expect(throws: ServiceError.down) { try breaker.run { throw ServiceError.down } }
    }
  }

  @Test func `a name gives the same breaker, another name another`() throws {
    let registry = try CircuitBreakerRegistry(clock: clock)
    let shop = try registry.breaker("shop")
    #expect(try registry.breaker("shop") === shop)
    #expect(try registry.breaker("bank") !== shop)
    #expect(shop.name == "shop")
    #expect(registry.count == 2)
  }

  @Test func `a breaker that nobody holds goes on counting`() throws {
    let registry = try CircuitBreakerRegistry(clock: clock)
    for _ in 0..<5 { fail(try registry.breaker("shop"), 1) }
    let error = #expect(throws: CircuitOpenError.self) {
      try registry.breaker("shop").run {}
    }
    #expect(error == CircuitOpenError(breaker: "shop", retryAfter: .seconds(60)))
    #expect(registry.count == 1)
  }

  @Test func `breakers have the options, the classifier and the limit of their registry`() throws {
    var options = CircuitBreaker.Options()
    options.failureThreshold = 2
    options.slowCall = .seconds(1)
    let registry = try CircuitBreakerRegistry(
      options: options, limit: 2, clock: clock,
      classify: { $0 is ServiceError ? .failure : .ignored })
    let shop = try registry.breaker("shop")
    try shop.run { clock.advance(by: .seconds(1)) }
    #expect(shop.metrics.slow == 1)
    #expect(throws: CircuitOpenError.self) {
      try shop.run { throw CircuitOpenError(breaker: "deeper", retryAfter: nil) }
    }
    #expect(shop.metrics.neutral == 1)
    fail(shop, 2)
    #expect(shop.state == .open)
    let other = try registry.breaker("other")
    let full = #expect(throws: HoldfastError.self) { try registry.breaker("third") }
    #expect(full?.code == .registryFull)
    #expect(try registry.breaker("other") === other)
  }

  @Test func `a name may have options, a window and a classifier of its own`() throws {
    var usual = CircuitBreaker.Options()
    usual.window = .calls(10)
    var patient = usual
    patient.failureThreshold = 7
    patient.window = .time(.seconds(1))
    let registry = try CircuitBreakerRegistry(
      options: usual, clock: clock, classify: { _ in .ignored },
      overrides: { [patient] name in
        switch name {
        case "patient": .init(options: patient)
        case "strict": .init(classify: { _ in .failure })
        case "both": .init(options: patient, classify: { _ in .failure })
        default: nil
        }
      })
    let kinds = ["usual": (5, 0, 0), "patient": (5, 0, 0), "strict": (5, 5, 1), "both": (6, 6, 0)]
    for (name, (times, failures, opens)) in kinds {
      let breaker = try registry.breaker(name)
      fail(breaker, times)
      #expect(breaker.metrics.failures == failures, "\(name)")
      #expect(breaker.metrics.opens == opens, "\(name)")
    }
    fail(try registry.breaker("both"), 1)
    #expect(try registry.breaker("both").state == .open)
    // A window of time forgets, one of calls does not.
    for name in ["usual", "patient"] { try registry.breaker(name).run {} }
    clock.advance(by: .seconds(2))
    #expect(try registry.breaker("usual").metrics.windowCalls == 1)
    #expect(try registry.breaker("patient").metrics.windowCalls == 0)
  }

  @Test func `a breaker that is there keeps its options, one that is made again has new ones`()
    throws
  {
    let threshold = Guarded(2)
    let registry = try CircuitBreakerRegistry(
      clock: clock,
      overrides: { _ in
        var options = CircuitBreaker.Options()
        options.failureThreshold = threshold.withLock { $0 }
        return .init(options: options)
      })
    func failuresToOpen() throws -> Int {
      let breaker = try registry.breaker("shop")
      defer { breaker.reset() }
      for count in 1... {
        fail(breaker, 1)
        if breaker.state == .open { return count }
      }
      return 0
    }
    #expect(try failuresToOpen() == 2)
    threshold.withLock { $0 = 3 }
    // Nobody holds it, but it is there.
    #expect(try failuresToOpen() == 2)
    var four = CircuitBreaker.Options()
    four.failureThreshold = 4
    try registry.breaker("shop").configure(four)
    #expect(try failuresToOpen() == 4)
    #expect(registry.evictIdle(for: .zero) == 1)
    #expect(try failuresToOpen() == 3)
  }

  @Test func `a name whose options are out of range has no breaker, and others have`() throws {
    let registry = try CircuitBreakerRegistry(
      clock: clock,
      overrides: { name in
        var options = CircuitBreaker.Options()
        options.probes = Int(name) ?? 1
        return .init(options: options)
      })
    for name in ["-1", "32"] {
      let error = #expect(throws: HoldfastError.self) { try registry.breaker(name) }
      #expect(error?.code == .invalidArgument)
    }
    #expect(registry.count == 0)
    try registry.breaker("31").run {}
  }

  @Test func `a breaker that somebody holds is found without asking what is different`() throws {
    let asked = Guarded<[String]>([])
    let registry = try CircuitBreakerRegistry(
      clock: clock,
      overrides: { name in
        asked.withLock { $0.append(name) }
        return nil
      })
    let shop = try registry.breaker("shop")
    let reads = clock.readCount
    #expect(try registry.breaker("shop") === shop)
    #expect(asked.withLock { $0 } == ["shop"])
    #expect(clock.readCount == reads)
  }

  /// Who called under a lock would wait for itself here.
  @Test func `what the caller gives may come back to the registry`() throws {
    let back = Guarded<(registry: CircuitBreakerRegistry, inner: CircuitBreaker)?>(nil)
    let calls = Guarded<[String: Int]>([:])
    let comeBack: @Sendable (String) -> Void = { place in
      guard let (registry, inner) = back.withLock({ $0 }) else { return }
      #expect((try? registry.breaker("inner")) === inner)
      calls.withLock { $0[place, default: 0] += 1 }
    }
    let clock = clock
    let registry = try CircuitBreakerRegistry(
      clock: clock,
      classify: { _ in
        comeBack("classify")
        return .failure
      },
      overrides: { _ in
        comeBack("overrides")
        return nil
      },
      log: { _, _ in comeBack("log") }, onTransition: { _ in comeBack("onTransition") })
    let inner = try registry.breaker("inner")
    back.withLock { $0 = (registry, inner) }
    @Sendable func comeBackAtEachRead() {
      clock.atNextRead(comeBackAtEachRead)
      comeBack("clock")
    }
    comeBackAtEachRead()
    do {
      let shop = try registry.breaker("shop")
      fail(shop, 5)
      clock.advance(by: .seconds(60))
      for _ in 0..<2 { try shop.run {} }
      try shop.configure(CircuitBreaker.Options())
      shop.transition(to: .forcedOpen)
      shop.reset()
    }
    #expect(registry.health.breakers.keys.sorted() == ["inner", "shop"])
    #expect(registry.evictIdle(for: .zero) == 1)
    clock.atNextRead {}
    back.withLock { $0 = nil }
    let counts = calls.withLock { $0 }
    #expect(counts["classify"] == 5)
    #expect(counts["overrides"] == 1)
    #expect(counts["log"] == 5)
    #expect(counts["onTransition"] == 5)
    #expect(counts["clock", default: 0] > 0)
  }

  @Test func `what is out of range is refused`() {
    for limit in [-1, 0, 1 << 24 + 1, 1 << 40] {
      let error = #expect(throws: HoldfastError.self) { try CircuitBreakerRegistry(limit: limit) }
      #expect(error?.code == .invalidArgument)
    }
    var options = CircuitBreaker.Options()
    options.probes = 0
    let error = #expect(throws: HoldfastError.self) {
      try CircuitBreakerRegistry(options: options, clock: clock)
    }
    #expect(error?.code == .invalidArgument)
    let long = #expect(throws: HoldfastError.self) {
      try CircuitBreakerRegistry().breaker(String(repeating: "x", count: 4097))
    }
    #expect(long?.code == .invalidArgument)
  }

  @Test func `idle breakers are taken away, but none that is held or has something to remember`()
    throws
  {
    let registry = try CircuitBreakerRegistry(clock: clock)
    let held = try registry.breaker("held")
    try registry.breaker("idle").run {}
    fail(try registry.breaker("failing"), 1)
    try registry.breaker("open").transition(to: .open)
    clock.advance(by: .seconds(30))
    try registry.breaker("busy").run {}
    #expect(registry.evictIdle(for: .seconds(31)) == 0)
    #expect(registry.evictIdle(for: .seconds(Int64.max)) == 0)
    #expect(registry.evictIdle(for: .seconds(30), budget: 0) == 0)
    #expect(registry.evictIdle(for: .seconds(30)) == 1)
    #expect(registry.health.breakers.keys.sorted() == ["busy", "failing", "held", "open"])
    #expect(registry.evictIdle(for: .seconds(-1)) == 1)
    try held.run {}
    #expect(held.metrics.successes == 1)
    #expect(try registry.breaker("idle").metrics.successes == 0)
  }

  @Test func `names are told apart by their bytes, whoever is held`() throws {
    let composed = "caf\u{E9}"
    let decomposed = "cafe\u{301}"
    #expect(composed == decomposed)
    let registry = try CircuitBreakerRegistry(clock: clock)
    // The one, not held, has failed; the other, held, has not, and the first is still found by its name.
    fail(try registry.breaker(composed), 2)
    let other = try registry.breaker(decomposed)
    fail(other, 1)
    let one = try registry.breaker(composed)
    #expect(one !== other)
    #expect(one.metrics.consecutiveFailures == 2)
    #expect(other.metrics.consecutiveFailures == 1)
    #expect(try registry.breaker(composed) === one)
    #expect(try registry.breaker(decomposed) === other)
    #expect(registry.count == 2)
    let health = registry.health
    #expect(health.failures == 3)
    #expect(health.degraded.count == 2)
    #expect(health.breakers.count == 1)
  }

  @Test func `names that failed once do not fill a registry for good`() throws {
    let registry = try CircuitBreakerRegistry(limit: 4, clock: clock)
    fail(try registry.breaker("failed"), 1)
    try registry.breaker("open").transition(to: .open)
    try registry.breaker("half-open").transition(to: .halfOpen)
    try registry.breaker("forced").transition(to: .forcedOpen)
    clock.advance(by: .seconds(86_399))
    #expect(registry.evictIdle(for: .zero) == 0)
    let full = #expect(throws: HoldfastError.self) { try registry.breaker("new") }
    #expect(full?.code == .registryFull)
    #expect(full?.message.contains("evict those that nobody uses") == true)
    #expect(registry.evictIdle(for: .zero, remembering: .seconds(86_400)) == 0)
    #expect(registry.evictIdle(for: .zero, remembering: .seconds(Int64.max)) == 0)
    clock.advance(by: .seconds(1))
    #expect(registry.evictIdle(for: .seconds(86_401), remembering: .zero) == 0)
    #expect(registry.evictIdle(for: .zero) == 3)
    try registry.breaker("new").run {}
    #expect(registry.health.breakers.keys.sorted() == ["forced", "new"])
  }

  @Test func `a breaker that is made while the last one of its name goes stays the one`() throws {
    let registry = try CircuitBreakerRegistry(clock: clock)
    let successor = Guarded<CircuitBreaker?>(nil)
    do {
      let first = try registry.breaker("shop")
      try first.run {}
      // Its end reads the clock.
      clock.atNextRead {
        let made = try? registry.breaker("shop")
        successor.withLock { $0 = made }
      }
    }
    let made = try #require(successor.withLock { $0 })
    #expect(made.metrics.successes == 1)
    #expect(try registry.breaker("shop") === made)
  }

  @Test func `a breaker that is made while another one asks for it is the one`() throws {
    let registry = try CircuitBreakerRegistry(clock: clock)
    let between = Guarded<CircuitBreaker?>(nil)
    // Read when the name was not found, before a breaker is made.
    clock.atNextRead {
      let made = try? registry.breaker("shop")
      between.withLock { $0 = made }
    }
    let shop = try registry.breaker("shop")
    #expect(between.withLock { $0 } === shop)
  }

  @Test func `a breaker outlives its registry`() throws {
    let breaker = try CircuitBreakerRegistry(clock: clock).breaker("shop")
    fail(breaker, 5)
    #expect(breaker.state == .open)
  }

  @Test func `health says what is open, what is degraded, and how much was called`() throws {
    var options = CircuitBreaker.Options()
    options.window = .calls(20)
    options.minimumCalls = 4
    options.failureThreshold = 0
    let registry = try CircuitBreakerRegistry(options: options, clock: clock)
    #expect(registry.health.overall == .healthy)
    let well = try registry.breaker("well")
    for _ in 0..<4 { try well.run {} }
    fail(well, 1)
    for _ in 0..<6 { try well.run {} }
    #expect(registry.health.overall == .healthy)
    #expect(registry.health.breakers["well"]?.failureRate == 1.0 / 11)

    let halfway = try registry.breaker("halfway")
    for _ in 0..<3 { try halfway.run {} }
    fail(halfway, 1)
    try halfway.run {}
    #expect(registry.health.degraded == [])
    for _ in 0..<2 { try halfway.run {} }
    fail(halfway, 1)
    try halfway.run {}
    #expect(registry.health.degraded == [])
    fail(halfway, 1)
    try halfway.run {}
    #expect(registry.health.breakers["halfway"]?.windowFailures == 3)
    #expect(registry.health.degraded == ["halfway"])
    #expect(registry.health.overall == .degraded)

    try registry.breaker("forced").transition(to: .forcedOpen)
    try registry.breaker("broken").transition(to: .open)
    try registry.breaker("probed").transition(to: .halfOpen)
    try registry.breaker("off").transition(to: .disabled)
    let health = registry.health
    #expect(health.overall == .unhealthy)
    #expect(health.overall.description == "unhealthy")
    #expect(health.open == ["broken", "forced"])
    #expect(health.degraded == ["halfway", "probed"])
    #expect(health.breakers.count == 6)
    #expect(health.breakers["off"]?.state == .disabled)
    #expect(health.calls == 22)
    #expect(health.failures == 4)
    #expect(health.opens == 1)
    _ = try? registry.breaker("broken").run {}
    #expect(registry.health.rejected == 1)

    clock.advance(by: .seconds(60))
    #expect(registry.health.open == ["forced"])
    #expect(registry.health.degraded == ["broken", "halfway", "probed"])
  }

  @Test func `what is degraded goes by the options of each breaker, as they are now`() throws {
    var options = CircuitBreaker.Options()
    options.window = .calls(20)
    let registry = try CircuitBreakerRegistry(options: options, clock: clock)
    let breakers = try ["usual", "touchy", "calm"].map(registry.breaker)
    options.failureRatePercent = 20
    try breakers[1].configure(options)
    options.failureRatePercent = 0
    try breakers[2].configure(options)
    for breaker in breakers {
      for _ in 0..<9 { try breaker.run {} }
      fail(breaker, 1)
      try breaker.run {}
      #expect(breaker.metrics.windowFailures == 1)
    }
    // 1 of 11 is less than half of 20 %, 2 of 13 is not.
    #expect(registry.health.degraded == [])
    for breaker in breakers {
      fail(breaker, 1)
      try breaker.run {}
    }
    #expect(registry.health.degraded == ["touchy"])
    #expect(registry.health.overall == .degraded)
    #expect(breakers.map(\.metrics.isDegraded) == [false, true, false])
    try breakers[1].configure(options)
    options.failureRatePercent = 20
    try breakers[0].configure(options)
    #expect(registry.health.degraded == ["usual"])
  }

  @Test func `a run of failures is degraded`() throws {
    let registry = try CircuitBreakerRegistry(clock: clock)
    let breaker = try registry.breaker("shop")
    fail(breaker, 1)
    #expect(registry.health.degraded == ["shop"])
    try breaker.run {}
    #expect(registry.health.overall == .healthy)
  }

  @Test func `names are any text`() throws {
    let registry = try CircuitBreakerRegistry(clock: clock)
    let names = ["", "a\0b", "日本", String(repeating: "long ", count: 800)]
    let breakers = try names.map(registry.breaker)
    #expect(registry.health.breakers.keys.sorted() == names.sorted())
    #expect(Set(breakers.map(ObjectIdentifier.init)).count == names.count)
  }

  @Test func `transitions of all breakers are told, also when a breaker was let go between`()
    async throws
  {
    let told = Guarded<[String]>([])
    let logged = Guarded<[String]>([])
    let registry = try CircuitBreakerRegistry(
      clock: clock, log: { line, _ in logged.withLock { $0.append(line) } },
      onTransition: { transition in
        told.withLock { $0.append("\(transition.breaker) \(transition.generation)") }
      })
    let events = registry.events(keepingNewest: 3)
    for state in [CircuitBreaker.State.open, .halfOpen, .closed] {
      try registry.breaker("shop").transition(to: state)
    }
    let own = try {
      let bank = try registry.breaker("bank")
      let own = bank.events()
      bank.reset()
      try registry.breaker("shop").reset()
      return own
    }()
    let expected = ["shop 1", "shop 2", "shop 3", "bank 1", "shop 4"]
    #expect(told.withLock { $0 } == expected)
    #expect(logged.withLock { $0.count } == 5)
    #expect(events.dropped == 2)
    // Ends with the breaker.
    var causes: [CircuitBreaker.Cause] = []
    for await transition in own { causes.append(transition.cause) }
    #expect(causes == [.byHand])
  }

  @Test func `events of a registry end with it`() async throws {
    let events = try {
      let registry = try CircuitBreakerRegistry(clock: clock)
      let events = registry.events()
      try registry.breaker("shop").reset()
      return events
    }()
    var names: [String] = []
    for await transition in events { names.append(transition.breaker) }
    #expect(names == ["shop"])
  }

  @Test func `tasks at once share each breaker, and its transitions stay in order`() async throws {
    var options = CircuitBreaker.Options()
    options.failureThreshold = 1
    options.openTime = .milliseconds(1)
    options.successThreshold = 1
    let told = Guarded<[String: [Int]]>([:])
    let registry = try CircuitBreakerRegistry(
      options: options, clock: clock,
      onTransition: { transition in
        told.withLock { $0[transition.breaker, default: []].append(transition.generation) }
      })
    let clock = clock
    try await withThrowingTaskGroup { group in
      for part in 0..<4 {
        group.addTask {
          for round in 0..<3000 {
            // Held for one call alone, so that it is made and let go all the time.
            let breaker = try registry.breaker("\(round / 2 % 3)")
            let failed = (round + part) % 3 == 0
            do {
              try breaker.run { if failed { throw ServiceError.down } }
            } catch is CircuitOpenError {
              clock.advance(by: .milliseconds(1))
            } catch is ServiceError {}
          }
        }
      }
      try await group.waitForAll()
    }
    let generations = told.withLock { $0 }
    #expect(generations.count == 3)
    for (name, generations) in generations {
      #expect(generations == Array(1...generations.count), "\(name)")
    }
    let health = registry.health
    let late = health.breakers.values.reduce(0) { $0 + $1.late }
    #expect(health.calls + health.rejected + late == 12_000)
    #expect(registry.count == 3)
  }
}
