import Synchronization
import Testing

@testable import Holdfast

/// Closed until it is opened; then whoever waits goes on.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Guarded(State())

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Whatever becomes of the task.
  func pass() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  /// Until it opens, or the task is cancelled.
  func passUnlessCancelled() async throws {
    await withTaskCancellationHandler {
      await pass()
    } onCancel: {
      open()
    }
    try Task.checkCancellation()
  }
}

@Suite(.timeLimit(.minutes(5))) struct CacheLoadTests {
  struct Refused: Error, Equatable {
    var number = 0
  }

  private let clock = ManualClock()
  private let cache: Cache<String, String>
  private let loads = Counter()

  final class Counter: Sendable {
    private let number = Atomic(0)
    var value: Int { number.load(ordering: .acquiring) }
    @discardableResult func next() -> Int {
      number.add(1, ordering: .acquiringAndReleasing).newValue
    }
  }

  init() throws {
    var options = CacheOptions()
    options.loadLease = .seconds(10)
    cache = try Cache(options, clock: clock)
  }

  /// Until so many wait for a load.
  private func waiters(_ count: Int) async {
    while cache.waiters.count != count { await Task.yield() }
  }

  private func count(_ counter: Counter, _ count: Int) async {
    while counter.value < count { await Task.yield() }
  }

  /// Until there is none: a task that has ended is given up with what it holds a moment later.
  private func none(_ counter: Counted.Counter) async {
    while counter.living != 0 { await Task.yield() }
  }

  @Test func `what is not there is loaded once, and then found`() async throws {
    for _ in 0..<3 {
      let value = try await cache.value(forKey: "a") { [loads] in "loaded \(loads.next())" }
      #expect(value == "loaded 1")
    }
    #expect(cache["a"] == "loaded 1")
    #expect(cache.statistics.loads == 1)
    #expect(cache.statistics.misses == 1)
    #expect(cache.statistics.hits == 3)
  }

  @Test func `one loads, and the others wait for it`() async throws {
    let gate = Gate()
    try await withThrowingTaskGroup(of: String.self) { [cache, loads] group in
      for _ in 0..<50 {
        group.addTask {
          try await cache.value(forKey: "a") {
            await gate.pass()
            return "loaded \(loads.next())"
          }
        }
      }
      await waiters(49)
      gate.open()
      for try await value in group { #expect(value == "loaded 1") }
    }
    #expect(loads.value == 1)
    #expect(cache.waiters.count == 0)
  }

  @Test func `small values are loaded too`() async throws {
    let cache = try Cache<Int, Int>()
    let gate = Gate()
    try await withThrowingTaskGroup(of: Int.self) { [loads] group in
      for _ in 0..<20 {
        group.addTask {
          try await cache.value(forKey: 7) {
            await gate.pass()
            return loads.next()
          }
        }
      }
      while cache.waiters.count != 19 { await Task.yield() }
      gate.open()
      for try await value in group { #expect(value == 1) }
    }
    #expect(cache[7] == 1)
  }

  @Test func `waiters are told what the loader was told`() async throws {
    let gate = Gate()
    await withTaskGroup(of: Refused?.self) { [cache, loads] group in
      for _ in 0..<20 {
        group.addTask {
          do {
            _ = try await cache.value(forKey: "a") {
              await gate.pass()
              throw Refused(number: loads.next())
            }
            return nil
          } catch {
            return error as? Refused
          }
        }
      }
      await waiters(19)
      gate.open()
      for await failure in group { #expect(failure == Refused(number: 1)) }
    }
    #expect(cache.statistics.failedLoads == 1)
    // Who asks later loads again.
    let value = try await cache.value(forKey: "a") { "better" }
    #expect(value == "better")
  }

  @Test func `a waiter that is cancelled leaves at once, and the load goes on`() async throws {
    let gate = Gate()
    let loader = Task { [cache] in
      try await cache.value(forKey: "a") {
        await gate.pass()
        return "loaded"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    let waiter = Task { [cache] in try await cache.value(forKey: "a") { "never" } }
    let other = Task { [cache] in try await cache.value(forKey: "a") { "never" } }
    await waiters(2)
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    await waiters(1)
    gate.open()
    #expect(try await loader.value == "loaded")
    #expect(try await other.value == "loaded")
  }

  @Test func `a cancelled task does not begin to wait`() async throws {
    let gate = Gate()
    let loader = Task { [cache] in
      try await cache.value(forKey: "a") {
        await gate.pass()
        return "loaded"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    let begin = Gate()
    let waiter = Task { [cache] in
      await begin.pass()
      return try await cache.value(forKey: "a") { "never" }
    }
    waiter.cancel()
    begin.open()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    gate.open()
    #expect(try await loader.value == "loaded")
  }

  @Test func `a loader that is cancelled takes nobody with it`() async throws {
    let never = Gate()
    let loader = Task { [cache] in
      try await cache.value(forKey: "a") {
        try await never.passUnlessCancelled()
        return "never"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    try await withThrowingTaskGroup(of: String.self) { [cache, loads] group in
      for _ in 0..<10 {
        group.addTask {
          try await cache.value(forKey: "a") { "loaded \(loads.next())" }
        }
      }
      await waiters(10)
      loader.cancel()
      await #expect(throws: CancellationError.self) { try await loader.value }
      for try await value in group { #expect(value == "loaded 1") }
    }
    #expect(loads.value == 1)
  }

  @Test func `a loader that returns in spite of being cancelled counts`() async throws {
    let gate = Gate()
    let loader = Task { [cache] in
      try await cache.value(forKey: "a") {
        await gate.pass()
        return "loaded"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    loader.cancel()
    gate.open()
    #expect(try await loader.value == "loaded")
    #expect(cache["a"] == "loaded")
  }

  enum Change: CaseIterable {
    case remove, removeAll, tag, namespace

    func make(in cache: Cache<String, String>) {
      switch self {
      case .remove: cache.removeValue(forKey: "user/a")
      case .removeAll: cache.removeAll()
      case .tag: cache.invalidate("tag")
      case .namespace: cache.invalidateNamespace("user/")
      }
    }
  }

  @Test(arguments: Change.allCases)
  func `an invalidation during a load is not overwritten by it`(change: Change) async throws {
    try cache.declareNamespace("user/")
    let options = CacheEntryOptions(tags: ["tag"])
    let gate = Gate()
    let loader = Task { [cache] in
      try await cache.value(forKey: "user/a", options: options) {
        await gate.pass()
        return "old"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    let waiter = Task { [cache] in
      try await cache.value(forKey: "user/a", options: options) { "new" }
    }
    await waiters(1)
    change.make(in: cache)
    #expect(cache["user/a"] == nil)
    gate.open()
    #expect(try await loader.value == "old")
    #expect(try await waiter.value == "new")
    #expect(cache["user/a"] == "new")
    #expect(cache.statistics.cancelledLoads == 1)
  }

  /// How a load may end with a value.
  enum Keeping: CaseIterable {
    /// It is put.
    case kept
    /// It is only for those who wait.
    case notKept
    /// With so many tags and its namespace it cannot be put.
    case refused

    var options: CacheEntryOptions {
      switch self {
      case .kept: CacheEntryOptions(tags: ["tag"])
      case .notKept: CacheEntryOptions(ttl: .zero, tags: ["tag"])
      case .refused: CacheEntryOptions(tags: ["tag", "b", "c", "d", "e", "f", "g"])
      }
    }
  }

  /// Neither who waited before nor who asks after it is given what was loaded before it.
  @Test(arguments: Change.allCases, Keeping.allCases)
  func `nobody is given what was loaded before an invalidation`(
    change: Change, keeping: Keeping
  ) async throws {
    try cache.declareNamespace("user/")
    let options = keeping.options
    let gate = Gate()
    let source = Counter()
    let load: @Sendable () async throws -> String = { [loads] in
      let version = source.value
      if loads.next() == 1 { await gate.pass() }
      return "version \(version)"
    }
    let ask: @Sendable () async throws -> String = { [cache] in
      try await cache.value(forKey: "user/a", options: options, load: load)
    }
    let first = Task { try await ask() }
    await count(loads, 1)
    let before = Task { try await ask() }
    await waiters(1)
    source.next()
    change.make(in: cache)
    var after: Task<String, any Error>?
    // The core knows of these only when the load ends, so who asks now waits for it.
    if change == .tag || change == .namespace {
      after = Task { try await ask() }
      await waiters(2)
    }
    gate.open()
    #expect(try await first.value == "version 0")
    #expect(try await before.value == "version 1")
    if let after { #expect(try await after.value == "version 1") }
    #expect(try await ask() == "version 1")
    #expect(cache["user/a"] == (keeping == .kept ? "version 1" : nil))
    #expect(cache.waiters.count == 0)
  }

  @Test func `what is set during a load stays`() async throws {
    let gate = Gate()
    let loader = Task { [cache] in
      try await cache.value(forKey: "a") {
        await gate.pass()
        return "old"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    let waiter = Task { [cache] in try await cache.value(forKey: "a") { "never" } }
    await waiters(1)
    cache["a"] = "set"
    gate.open()
    #expect(try await loader.value == "old")
    #expect(try await waiter.value == "set")
    #expect(cache["a"] == "set")
  }

  @Test func `a loader beyond its lease is given up, and who waits for it too`() async throws {
    let gate = Gate()
    let hanging = Task { [cache] in
      try await cache.value(forKey: "a") {
        await gate.pass()
        return "late"
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    let waiter = Task { [cache] in try await cache.value(forKey: "a") { "never" } }
    await waiters(1)
    clock.advance(by: .seconds(10))
    let value = try await cache.value(forKey: "a") { "second" }
    #expect(value == "second")
    #expect(try await waiter.value == "second")
    gate.open()
    #expect(try await hanging.value == "late")
    #expect(cache["a"] == "second")
  }

  @Test func `what is stale is served while one task loads anew`() async throws {
    let options = CacheEntryOptions(ttl: .seconds(100), softTTL: .seconds(10))
    try cache.insert("old", forKey: "a", options: options)
    clock.advance(by: .seconds(10))
    let gate = Gate()
    let events = cache.events()
    for _ in 0..<20 {
      let value = try await cache.value(forKey: "a", options: options) { [loads] in
        loads.next()
        await gate.pass()
        return "new"
      }
      #expect(value == "old")
    }
    await count(loads, 1)
    gate.open()
    for await removal in events {
      #expect(removal.value == "old")
      #expect(removal.cause == .replaced)
      break
    }
    #expect(loads.value == 1)
    let value = try await cache.value(forKey: "a", options: options) { "never" }
    #expect(value == "new")
  }

  @Test func `a refresh that fails leaves what is stale, and the next tries again`() async throws {
    let options = CacheEntryOptions(ttl: .seconds(100), softTTL: .seconds(10))
    try cache.insert("old", forKey: "a", options: options)
    clock.advance(by: .seconds(10))
    for attempt in 1...3 {
      let value = try await cache.value(forKey: "a", options: options) { [loads] in
        loads.next()
        throw Refused()
      }
      #expect(value == "old")
      while cache.statistics.failedLoads < attempt { await Task.yield() }
    }
    #expect(loads.value == 3)
  }

  @Test func `that there is none is remembered`() async throws {
    for _ in 0..<3 {
      let value = try await cache.valueIfAny(forKey: "a") { [loads] () -> String? in
        loads.next()
        return nil
      }
      #expect(value == nil)
    }
    #expect(loads.value == 1)
    #expect(cache.statistics.negativeHits == 2)
    // Who wants a value has it loaded.
    let wanted = try await cache.value(forKey: "a") { "value" }
    #expect(wanted == "value")
    let value = try await cache.valueIfAny(forKey: "a") { () -> String? in nil }
    #expect(value == "value")
  }

  @Test func `waiters are told that there is none`() async throws {
    let gate = Gate()
    try await withThrowingTaskGroup(of: String?.self) { [cache, loads] group in
      for _ in 0..<10 {
        group.addTask {
          try await cache.valueIfAny(forKey: "a") { () -> String? in
            await gate.pass()
            loads.next()
            return nil
          }
        }
      }
      await waiters(9)
      gate.open()
      for try await value in group { #expect(value == nil) }
    }
    #expect(loads.value == 1)
  }

  /// They have to load then, but one of them is enough.
  @Test func `of those who want a value where there is none one loads`() async throws {
    let gates = (0..<2).map { _ in Gate() }
    let none = Task { [cache] in
      try await cache.valueIfAny(forKey: "a") { () -> String? in
        await gates[0].pass()
        return nil
      }
    }
    while cache.statistics.misses < 1 { await Task.yield() }
    try await withThrowingTaskGroup(of: String.self) { [cache, loads] group in
      for _ in 0..<30 {
        group.addTask {
          try await cache.value(forKey: "a") {
            let number = loads.next()
            await gates[1].pass()
            return "loaded \(number)"
          }
        }
      }
      await waiters(30)
      gates[0].open()
      #expect(try await none.value == nil)
      await count(loads, 1)
      while cache.waiters.count + loads.value < 30 { await Task.yield() }
      #expect(cache.waiters.count == 29)
      // Until then it is known that there is none.
      let known = try await cache.valueIfAny(forKey: "a") { () -> String? in "never" }
      #expect(known == nil)
      gates[1].open()
      for try await value in group { #expect(value == "loaded 1") }
    }
    #expect(loads.value == 1)
    #expect(cache["a"] == "loaded 1")
    let statistics = cache.statistics
    #expect(statistics.loads == 2)
    #expect(statistics.cancelledLoads == 0)
    #expect(statistics.failedLoads == 0)
    #expect(statistics.misses == 31)
    #expect(statistics.negativeHits == 31)
    #expect(statistics.removals[.replaced] == 1)
    #expect(statistics.removals[.removed] == 0)
  }

  @Test func `small values are loaded where there is none, too`() async throws {
    let cache = try Cache<Int, Int>()
    try cache.insertNegative(forKey: 7)
    let gate = Gate()
    try await withThrowingTaskGroup(of: Int.self) { [loads] group in
      for _ in 0..<20 {
        group.addTask {
          try await cache.value(forKey: 7) {
            await gate.pass()
            return loads.next()
          }
        }
      }
      while cache.waiters.count != 19 { await Task.yield() }
      gate.open()
      for try await value in group { #expect(value == 1) }
    }
    #expect(cache[7] == 1)
    #expect(cache.statistics.cancelledLoads == 0)
  }

  @Test func `that there is none is still known when the load of a value fails`() async throws {
    try cache.insertNegative(forKey: "a")
    await #expect(throws: Refused.self) {
      try await cache.value(forKey: "a") { throw Refused() }
    }
    guard case .negative = cache.lookup("a") else {
      Issue.record("the negative entry is gone")
      return
    }
    // But not when there is one, kept or not.
    #expect(try await cache.value(forKey: "a", ttl: .zero) { "value" } == "value")
    guard case .miss = cache.lookup("a") else {
      Issue.record("the negative entry is still there")
      return
    }
  }

  @Test func `what cannot be kept is given to all who wait`() async throws {
    let gate = Gate()
    try await withThrowingTaskGroup(of: String.self) { [cache, loads] group in
      for _ in 0..<10 {
        group.addTask {
          try await cache.value(forKey: "a", ttl: .zero) {
            await gate.pass()
            return "loaded \(loads.next())"
          }
        }
      }
      await waiters(9)
      gate.open()
      for try await value in group { #expect(value == "loaded 1") }
    }
    #expect(cache["a"] == nil)
    #expect(cache.statistics.loads == 1)
    #expect(cache.statistics.failedLoads == 0)
    let long = String(repeating: "k", count: 70_000)
    #expect(try await cache.value(forKey: long) { "value" } == "value")
  }

  @Test func `options out of range are refused before anything is loaded`() async throws {
    let cost = CacheEntryOptions(cost: -1)
    await #expect(throws: HoldfastError.self) {
      try await cache.value(forKey: "a", options: cost) { [loads] in "\(loads.next())" }
    }
    #expect(loads.value == 0)
  }

  @Test func `a loaded value is given up with its entry`() async throws {
    let living = Counted.Counter()
    do {
      let cache = try Cache<Int, Counted>(clock: clock)
      for key in 0..<10 {
        let value = try await cache.value(forKey: key) { Counted(key, living) }
        #expect(value.number == key)
      }
      #expect(living.living == 10)
      // Invalidated meanwhile: the cache does not keep it.
      let value = try await cache.value(forKey: 99) {
        cache.removeValue(forKey: 99)
        return Counted(99, living)
      }
      #expect(value.number == 99)
      #expect(cache[99] == nil)
    }
    #expect(living.living == 0)
  }

  /// Loaders and waiters are cancelled at all moments, and whoever is not cancelled
  /// gets a value. No two loads of a key run at once, and at the end nobody waits and nothing is left.
  @Test func `a storm of cancellations leaves nobody behind`() async throws {
    let living = Counted.Counter()
    do {
      let cache = try Cache<Int, Counted>()
      let running = (0..<4).map { _ in Tally() }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<400 {
          group.addTask {
            let key = number % 4
            let task = Task {
              try await cache.value(forKey: key) {
                #expect(running[key].add(1) == 1)
                defer { running[key].add(-1) }
                for _ in 0..<(number % 7) { await Task.yield() }
                try Task.checkCancellation()
                return Counted(key, living)
              }
            }
            for _ in 0..<(number % 5) { await Task.yield() }
            if number % 3 == 0 { task.cancel() }
            do {
              let value = try await task.value
              #expect(value.number == key)
            } catch {
              #expect(error is CancellationError)
              #expect(number % 3 == 0)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(cache.waiters.count == 0)
      #expect(living.living <= 4)
    }
    await none(living)
  }

  @Test func `loads and invalidations at once leave nobody behind`() async throws {
    let living = Counted.Counter()
    do {
      let cache = try Cache<Int, Counted>()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<400 {
          group.addTask {
            for round in 0..<10 {
              let key = (number + round) % 4
              let task = Task {
                try await cache.value(forKey: key, options: CacheEntryOptions(tags: ["t"])) {
                  await Task.yield()
                  if number % 11 == 0 { throw Refused() }
                  return Counted(key, living)
                }
              }
              switch number % 8 {
              case 0: cache.removeValue(forKey: key)
              case 1: cache.invalidate("t")
              case 2: task.cancel()
              case 3 where round == 0: cache.removeAll()
              default: break
              }
              do {
                let value = try await task.value
                #expect(value.number == key)
              } catch {
                #expect(error is CancellationError || error is Refused)
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(cache.waiters.count == 0)
    }
    await none(living)
  }
}

/// A number that several tasks change.
private final class Tally: Sendable {
  private let number = Atomic(0)

  @discardableResult func add(_ change: Int) -> Int {
    number.add(change, ordering: .acquiringAndReleasing).newValue
  }
}
