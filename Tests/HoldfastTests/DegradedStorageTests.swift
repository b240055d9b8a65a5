import Testing

@testable import Holdfast

/// A storage that memory stands in for.
@Suite struct DegradedStorageTests {
  private let clock = ManualClock()
  private let primary: FlakyStorage
  private let down = StorageError(.notConnected, "connection refused")

  init() { primary = FlakyStorage(MemoryStorage(clock: clock)) }

  private func storage(
    _ change: (inout DegradedStorage.Options) -> Void = { _ in }
  ) throws -> DegradedStorage {
    var options = DegradedStorage.Options()
    change(&options)
    return try DegradedStorage(primary, options: options, clock: clock)
  }

  private func code(_ body: () async throws -> Void) async -> StorageError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? StorageError)?.code
    }
  }

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func `the stand-in answers while the primary cannot be reached, and says so`() async throws
  {
    let storage = try storage()
    try await storage.set("a", to: bytes("primary"))
    #expect(await storage.health().status == .healthy)
    primary.fail(.before(down))
    let answer = try await storage.answer(isRead: true) { storage throws(StorageError) in
      try await storage.get("a")
    }
    #expect(answer.source == .standIn)
    #expect(answer.value == nil)
    try await storage.set("a", to: bytes("stand-in"))
    #expect(try await storage.get("a") == bytes("stand-in"))
    let health = await storage.health()
    #expect(health.status == .degraded)
    #expect(health.reason?.contains("connection refused") == true)
    #expect(health.details["writes waiting"] == "1")
    #expect(storage.figures.isStandingIn)
    #expect(storage.figures.standInAnswers == 3)
    // The primary was asked once; the rest of the time it is left in peace.
    #expect(primary.takeCalls() == ["set a", "get a"])

    primary.fail(nil)
    clock.advance(by: .seconds(5))
    let back = try await storage.answer(isRead: true) { storage throws(StorageError) in
      try await storage.get("a")
    }
    #expect(back.source == .primary)
    #expect(back.value == bytes("stand-in"))
    #expect(primary.takeCalls() == ["set a", "get a"])
    #expect(storage.figures.replayed == 1)
    #expect(storage.figures.isStandingIn == false)
    #expect(await storage.health().status == .healthy)
  }

  @Test(arguments: [StorageError.Code.notConnected, .timedOut, .connectionLost])
  func `these errors say that it cannot be reached`(_ code: StorageError.Code) async throws {
    let storage = try storage()
    primary.fail(.before(StorageError(code, "no")))
    #expect(try await storage.increment("n") == 1)
    #expect(storage.figures.isStandingIn)
  }

  @Test(arguments: [
    StorageError.Code.server, .refused, .wrongType, .protocolViolation, .cancelled, .queueFull,
  ])
  func `these errors are passed on`(_ code: StorageError.Code) async throws {
    let storage = try storage()
    primary.fail(.before(StorageError(code, "no")))
    #expect(await self.code { _ = try await storage.get("a") } == code)
    #expect(!storage.figures.isStandingIn)
  }

  @Test func `a write that may have been done is not done again`() async throws {
    let storage = try storage()
    primary.fail(.after(StorageError(.connectionLost, "lost", outcome: .unknown)))
    #expect(await code { _ = try await storage.increment("n", by: 5) } == .connectionLost)
    #expect(storage.figures.isStandingIn)
    #expect(storage.figures.waiting == 0)
    // From now on the stand-in answers.
    #expect(try await storage.increment("n", by: 1) == 1)
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    #expect(try await storage.get("n") == bytes("6"))
  }

  @Test func `a read of which nobody knows is answered`() async throws {
    let storage = try storage()
    primary.fail(.after(StorageError(.timedOut, "late", outcome: .unknown)))
    #expect(try await storage.get("a") == nil)
    #expect(storage.figures.standInAnswers == 1)
  }

  @Test func `errors are passed on until there were as many as it takes`() async throws {
    let storage = try storage { $0.failures = 3 }
    primary.fail(.before(down))
    for _ in 0..<2 {
      #expect(await code { try await storage.set("a", to: []) } == .notConnected)
      #expect(!storage.figures.isStandingIn)
    }
    try await storage.set("a", to: [])
    #expect(storage.figures.isStandingIn)
    #expect(storage.figures.waiting == 1)
  }

  @Test func `every kind of write is replayed, in order, as the operation that it was`()
    async throws
  {
    let storage = try storage()
    try await storage.set("n", to: bytes("100"))
    try await storage.set("swap", to: bytes("old"))
    try await storage.set("taken", to: bytes("primary"))
    try await storage.set("delete", to: [])
    try await storage.hset("h", ["a": [], "b": [1]])
    primary.fail(.before(down))
    #expect(try await storage.increment("n", by: 5) == 5)
    #expect(try await storage.increment("n", by: -2) == 3)
    try await storage.set("a", to: bytes("1"))
    try await storage.set("a", to: bytes("2"), expire: .seconds(60))
    #expect(try await storage.setIfAbsent("taken", to: bytes("stand-in"), expire: nil))
    #expect(try await storage.setIfAbsent("fresh", to: bytes("stand-in"), expire: nil))
    #expect(try await storage.setIfAbsent("fresh", to: bytes("later"), expire: nil) == false)
    #expect(
      try await storage.compareAndSwap("none", from: nil, to: bytes("swapped"), expire: nil))
    #expect(
      try await storage.compareAndSwap("swap", from: bytes("old"), to: [], expire: nil) == false)
    #expect(try await storage.delete("delete") == false)
    #expect(try await storage.hdel("h", ["a"]) == 0)
    try await storage.hset("h", ["c": [2]])
    try await storage.expire("h", after: .seconds(30))
    try await storage.setMany(["m": bytes("many")])
    _ = primary.takeCalls()
    #expect(storage.figures.waiting == 12)

    primary.fail(nil)
    clock.advance(by: .seconds(5))
    #expect(try await storage.get("n") == bytes("103"))
    #expect(
      primary.takeCalls() == [
        "increment n", "increment n", "set a", "set a", "setIfAbsent taken", "setIfAbsent fresh",
        "swap none", "delete delete", "hdel h", "hset h", "expire h", "set m", "get n",
      ])
    #expect(try await storage.get("a") == bytes("2"))
    #expect(try await storage.ttl("a") == .left(.seconds(55)))
    #expect(try await storage.get("taken") == bytes("primary"))
    #expect(try await storage.get("fresh") == bytes("stand-in"))
    #expect(try await storage.get("none") == bytes("swapped"))
    #expect(try await storage.get("swap") == bytes("old"))
    #expect(try await storage.exists("delete") == false)
    #expect(try await storage.hgetAll("h") == ["b": [1], "c": [2]])
    #expect(try await storage.ttl("h") == .left(.seconds(25)))
    #expect(try await storage.get("m") == bytes("many"))
    let figures = storage.figures
    #expect(figures.replayed == 11)
    #expect(figures.failed == 1, "what was taken")
    #expect(figures.waiting == 0)
  }

  @Test func `a value whose time is over meanwhile is deleted when it is replayed`() async throws {
    let storage = try storage()
    try await storage.set("a", to: bytes("old"))
    primary.fail(.before(down))
    try await storage.set("a", to: bytes("new"), expire: .seconds(2))
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    #expect(try await storage.exists("a") == false)
    #expect(storage.figures.replayed == 1)
  }

  @Test func `writes that are to be dropped are dropped and counted`() async throws {
    let storage = try storage { $0.writes = .drop }
    try await storage.set("a", to: bytes("old"))
    primary.fail(.before(down))
    try await storage.set("a", to: bytes("new"))
    try await storage.increment("n")
    #expect(try await storage.get("a") == bytes("new"))
    #expect(storage.figures.waiting == 0)
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    #expect(try await storage.get("a") == bytes("old"))
    #expect(storage.figures.dropped == 2)
    #expect(storage.figures.replayed == 0)
    // The next time the stand-in begins empty again.
    primary.fail(.before(down))
    #expect(try await storage.get("a") == nil)
    #expect(try await storage.get("n") == nil)
  }

  @Test func `what the stand-in holds stays until the primary has answered`() async throws {
    let storage = try storage { $0.writes = .drop }
    primary.fail(.before(down))
    try await storage.set("a", to: bytes("new"))
    clock.advance(by: .seconds(5))
    // The primary is tried, in vain.
    #expect(try await storage.get("b") == nil)
    #expect(try await storage.get("a") == bytes("new"))
    clock.advance(by: .seconds(10))
    primary.atNextCall {
      // While it is tried.
      let value = try await storage.get("a")
      #expect(value == Array("new".utf8))
    }
    #expect(try await storage.get("b") == nil)
    #expect(storage.figures.isStandingIn)
  }

  @Test func `after a replay the stand-in answers until the primary has`() async throws {
    let storage = try storage()
    primary.fail(.before(down))
    try await storage.set("a", to: bytes("new"))
    primary.fail(nil)
    _ = primary.takeCalls()
    clock.advance(by: .seconds(5))
    let primary = primary
    primary.atNextCall {
      // In the middle of replaying `a`; and then of the operation after it.
      primary.atNextCall {
        let value = try await storage.get("a")
        #expect(value == Array("new".utf8))
      }
    }
    #expect(try await storage.get("b") == nil)
    #expect(primary.takeCalls() == ["set a", "get b"])
    #expect(!storage.figures.isStandingIn)
  }

  @Test func `who is cancelled while replaying does not make a write unknown`() async throws {
    let storage = try storage()
    primary.fail(.before(down))
    try await storage.increment("n", by: 5)
    try await storage.increment("n", by: 2)
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    let reader = Guarded<Task<StorageError.Code?, Never>?>(nil)
    primary.atNextCall {
      // The number is on its way to the primary.
      reader.withLock { $0 }?.cancel()
    }
    let (begin, go) = AsyncStream<Void>.makeStream()
    let task = Task { [self] in
      for await _ in begin { break }
      return await code { _ = try await storage.get("n") }
    }
    reader.withLock { $0 = task }
    go.yield()
    #expect(await task.value == .cancelled)
    #expect(storage.figures.replayed == 1)
    #expect(storage.figures.waiting == 1)
    #expect(storage.figures.unknown == 0)
    #expect(try await storage.get("n") == bytes("7"))
  }

  @Test func `when too many wait, others are refused and not done`() async throws {
    let storage = try storage { $0.writes = .replay(atMost: 2) }
    primary.fail(.before(down))
    try await storage.set("a", to: [])
    try await storage.set("b", to: [])
    #expect(await code { try await storage.set("c", to: []) } == .queueFull)
    #expect(try await storage.exists("c") == false)
    #expect(storage.figures.refused == 1)
    #expect(storage.figures.waiting == 2)
    let narrow = try self.storage { $0.writes = .replay(bytes: 400) }
    try await narrow.set("a", to: Array(repeating: 0, count: 100))
    #expect(
      await code { try await narrow.set("b", to: Array(repeating: 0, count: 100)) } == .queueFull)
    try await narrow.delete("b")
  }

  @Test func `a replay that is cut off goes on where it was`() async throws {
    let storage = try storage()
    primary.fail(.before(down))
    for number in 0..<6 { try await storage.set("\(number)", to: [UInt8(number)]) }
    try await storage.increment("n")
    _ = primary.takeCalls()
    primary.fail(.before(down), after: 3)
    clock.advance(by: .seconds(5))
    #expect(try await storage.get("0") == [0], "by the stand-in")
    #expect(storage.figures.isStandingIn)
    #expect(storage.figures.waiting == 4)
    #expect(primary.takeCalls() == ["set 0", "set 1", "set 2", "set 3"])
    // It waits twice as long now.
    clock.advance(by: .seconds(9))
    #expect(try await storage.get("5") == [5])
    #expect(primary.takeCalls() == [])
    primary.fail(nil)
    clock.advance(by: .seconds(1))
    #expect(try await storage.get("n") == bytes("1"))
    #expect(primary.takeCalls() == ["set 3", "set 4", "set 5", "increment n", "get n"])
    #expect(storage.figures.replayed == 7)
  }

  @Test func `a replayed write that may have been done is done again only if that is the same`()
    async throws
  {
    let storage = try storage()
    primary.fail(.before(down))
    try await storage.set("a", to: bytes("1"))
    try await storage.increment("n", by: 5)
    try await storage.set("b", to: bytes("2"))
    let lost = StorageError(.connectionLost, "lost", outcome: .unknown)
    _ = primary.takeCalls()
    for wait in [5, 10] {
      // First the set is lost after it was done, then the increment.
      primary.fail(.after(lost), after: wait == 5 ? 0 : 1)
      clock.advance(by: .seconds(wait))
      _ = try await storage.get("a")
    }
    #expect(primary.takeCalls() == ["set a", "set a", "increment n"])
    primary.fail(nil)
    clock.advance(by: .seconds(20))
    #expect(try await storage.get("n") == bytes("5"))
    #expect(try await storage.get("b") == bytes("2"))
    #expect(storage.figures.unknown == 1)
    #expect(storage.figures.replayed == 2)
  }

  @Test func `a write that the primary refuses does not hold up the others`() async throws {
    let storage = try storage()
    try await storage.hset("h", ["f": []])
    primary.fail(.before(down))
    try await storage.increment("h")
    try await storage.set("a", to: [1])
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    #expect(try await storage.get("a") == [1])
    #expect(storage.figures.failed == 1)
    #expect(storage.figures.replayed == 1)
  }

  @Test func `a server that refuses everything for a while gets three chances`() async throws {
    let storage = try storage { $0.longestRetryAfter = .seconds(5) }
    primary.fail(.before(down))
    try await storage.set("a", to: [1])
    primary.fail(.before(StorageError(.server, "LOADING")))
    for _ in 0..<2 {
      clock.advance(by: .seconds(5))
      #expect(try await storage.get("a") == [1], "by the stand-in")
      #expect(storage.figures.waiting == 1)
    }
    clock.advance(by: .seconds(5))
    #expect(await code { _ = try await storage.get("a") } == .server)
    #expect(storage.figures.failed == 1)
    #expect(storage.figures.waiting == 0)
  }

  @Test func `what is written during a replay is replayed after it, before the primary is asked`()
    async throws
  {
    let storage = try storage()
    primary.fail(.before(down))
    try await storage.set("a", to: bytes("1"))
    primary.fail(nil)
    _ = primary.takeCalls()
    clock.advance(by: .seconds(5))
    primary.atNextCall {
      // In the middle of replaying `a`: the stand-in answers, and notes it.
      try await storage.set("a", to: Array("2".utf8))
      try await storage.set("b", to: Array("3".utf8))
      let answer = try await storage.answer(isRead: true) { storage throws(StorageError) in
        try await storage.get("a")
      }
      #expect(answer.source == .standIn)
      #expect(answer.value == Array("2".utf8))
    }
    #expect(try await storage.get("a") == bytes("2"))
    #expect(primary.takeCalls() == ["set a", "set a", "set b", "get a"])
    #expect(storage.figures.replayed == 3)
  }

  @Test func `many tasks through losses lose no write, and do none twice`() async throws {
    let storage = try storage { options in
      options.retryAfter = .milliseconds(1)
      options.longestRetryAfter = .milliseconds(1)
    }
    let (primary, clock, down) = (primary, clock, down)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<6 {
        group.addTask {
          for number in 0..<300 {
            try await storage.increment("sum")
            // The last of each task is the one that stays.
            try await storage.set("own \(task)", to: Array("\(number)".utf8))
            if number % 10 == 0 { await Task.yield() }
          }
        }
      }
      group.addTask {
        for round in 0..<200 {
          primary.fail(round % 2 == 0 ? .before(down) : nil, after: round % 5)
          clock.advance(by: .milliseconds(1))
          await Task.yield()
        }
        primary.fail(nil)
      }
      try await group.waitForAll()
    }
    clock.advance(by: .seconds(1))
    _ = try await storage.get("sum")
    let figures = storage.figures
    #expect(!figures.isStandingIn)
    #expect(figures.waiting == 0)
    #expect(figures.failed == 0 && figures.unknown == 0 && figures.dropped == 0)
    #expect(try await primary.memory.get("sum") == bytes("1800"))
    for task in 0..<6 { #expect(try await primary.memory.get("own \(task)") == bytes("299")) }
  }

  @Test func `a scan is of whoever answers when it begins`() async throws {
    let storage = try storage()
    for number in 0..<600 { try await storage.set("p\(number)", to: []) }
    primary.fail(.before(down))
    try await storage.set("s1", to: [])
    try await storage.set("s2", to: [])
    var keys: Set<String> = []
    for try await key in storage.scan("s*") { keys.insert(key) }
    #expect(keys == ["s1", "s2"])
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    primary.fail(.before(down), after: 3)
    var count = 0
    #expect(await code { for try await _ in storage.scan("*") { count += 1 } } == .notConnected)
    #expect(count == 256, "the first page of the primary")
  }

  @Test func `messages are the primary's alone`() async throws {
    let storage = try storage()
    let subscription = try await storage.subscribe(to: ["c"])
    primary.fail(.before(down))
    #expect(await code { _ = try await storage.publish([], to: "c") } == .notConnected)
    #expect(await code { _ = try await storage.subscribe(to: ["c"]) } == .notConnected)
    primary.fail(nil)
    clock.advance(by: .seconds(5))
    #expect(try await storage.publish([7], to: "c") == 1)
    var reader = subscription.makeAsyncIterator()
    #expect(try await reader.next()?.payload == [7])
  }

  @Test func `connecting to what cannot be reached is no error`() async throws {
    let storage = try storage { $0.failures = 2 }
    primary.fail(.before(down))
    try await storage.connect()
    #expect(storage.figures.isStandingIn)
    try await storage.set("a", to: [1])
    primary.fail(.before(StorageError(.refused, "wrong password")))
    #expect(await code { try await storage.connect() } == .refused)
    await storage.close()
    #expect(await code { _ = try await storage.get("a") } == .notConnected)
    #expect(await storage.health().status == .unhealthy)
    primary.fail(nil)
    clock.advance(by: .seconds(10))
    try await storage.connect()
    #expect(try await storage.get("a") == [1])
    #expect(storage.figures.replayed == 1)
  }

  @Test func `options out of range are refused`() async {
    #expect(await code { _ = try storage { $0.retryAfter = .zero } } == .invalidArgument)
    #expect(await code { _ = try storage { $0.failures = 70_000 } } == .invalidArgument)
  }
}
