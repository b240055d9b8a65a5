import Foundation
import Testing

@testable import Holdfast

/// What the conformance suite does not ask: limits, memory, time that goes back.
@Suite struct MemoryStorageTests {
  private let clock = ManualClock()

  private func code(_ body: () async throws -> Void) async -> StorageError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? StorageError)?.code
    }
  }

  // MARK: - Limits

  @Test func `what would exceed the number of keys is refused, and nothing is thrown out`()
    async throws
  {
    let storage = MemoryStorage(limits: .init(keys: 2), clock: clock)
    try await storage.set("a", to: [1])
    try await storage.hset("b", ["f": [2]])
    #expect(await code { try await storage.set("c", to: []) } == .refused)
    #expect(await code { _ = try await storage.increment("c") } == .refused)
    #expect(await code { try await storage.hset("c", ["f": []]) } == .refused)
    #expect(await code { try await storage.setMany(["a": [], "c": []]) } == .refused)
    #expect(try await storage.exists("c") == false)
    #expect(try await storage.hget("b", "f") == [2])
    // What is there may change.
    try await storage.set("a", to: [3, 3])
    try await storage.hset("b", ["g": []])
    try await storage.delete("a")
    try await storage.set("c", to: [])
    #expect(storage.figures.keys == 2)
  }

  @Test func `bytes are counted as it is said, and given back`() async throws {
    let storage = MemoryStorage(limits: .init(bytes: 1000), clock: clock)
    #expect(storage.figures.bytes == 0)
    try await storage.set("abc", to: Array(repeating: 0, count: 100))
    #expect(storage.figures.bytes == 160 + 3 + 100)
    try await storage.set("abc", to: [1])
    #expect(storage.figures.bytes == 160 + 3 + 1)
    try await storage.hset("h", ["f": [1, 2], "gg": []])
    #expect(storage.figures.bytes == 164 + 161 + 80 + 3 + 80 + 2)
    try await storage.hset("h", ["f": []])
    #expect(storage.figures.bytes == 164 + 161 + 80 + 1 + 80 + 2)
    try await storage.hdel("h", ["gg", "no"])
    #expect(storage.figures.bytes == 164 + 161 + 80 + 1)
    try await storage.set("h", to: [])
    #expect(storage.figures.bytes == 164 + 161)
    try await storage.increment("n", by: 10)
    #expect(storage.figures.bytes == 164 + 161 + 163)
    try await storage.set("abc", to: [], expire: .seconds(1))
    clock.advance(by: .seconds(1))
    #expect(storage.figures.bytes == 161 + 163)
    try await storage.delete("h")
    try await storage.delete("n")
    #expect(storage.figures.bytes == 0)
  }

  @Test func `what would exceed the bytes is refused, to the byte`() async throws {
    let storage = MemoryStorage(limits: .init(bytes: 1000), clock: clock)
    func bytes(_ count: Int) -> [UInt8] { Array(repeating: 7, count: count) }
    #expect(await code { try await storage.set("a", to: bytes(840)) } == .refused)
    try await storage.set("a", to: bytes(839))
    #expect(await code { try await storage.set("a", to: bytes(840)) } == .refused)
    #expect(try await storage.get("a") == bytes(839))
    try await storage.set("a", to: bytes(500))
    #expect(await code { try await storage.hset("h", ["f": bytes(99)]) } == .refused)
    try await storage.hset("h", ["f": bytes(97)])
    #expect(await code { try await storage.hset("h", ["f": bytes(98)]) } == .refused)
    #expect(try await storage.hget("h", "f") == bytes(97))
    #expect(storage.figures.bytes == 1000 - 0)
  }

  @Test func `keys whose time has come make room`() async throws {
    let storage = MemoryStorage(limits: .init(keys: 100), clock: clock)
    for number in 0..<100 {
      try await storage.set("\(number)", to: [], expire: .seconds(number == 0 ? 9 : 1))
    }
    #expect(await code { try await storage.set("new", to: []) } == .refused)
    clock.advance(by: .seconds(1))
    for number in 0..<99 { try await storage.set("new \(number)", to: []) }
    #expect(await code { try await storage.set("more", to: []) } == .refused)
    #expect(try await storage.exists("0"))
  }

  // MARK: - Time

  @Test func `keys that nobody looks at go when their time has come`() async throws {
    let storage = MemoryStorage(clock: clock)
    for number in 0..<400 { try await storage.set("\(number)", to: [], expire: .seconds(1)) }
    clock.advance(by: .seconds(1))
    // 4 with each operation.
    for _ in 0..<99 { _ = try await storage.get("other") }
    #expect(storage.present.table.entries.count == 4)
    _ = try await storage.get("other")
    #expect(storage.present.table.entries.isEmpty)
    #expect(storage.present.table.bytes == 0)
  }

  @Test func `a clock that goes back revives nothing and ends nothing early`() async throws {
    let storage = MemoryStorage(clock: clock)
    clock.advance(by: .seconds(100))
    try await storage.set("gone", to: [], expire: .seconds(1))
    try await storage.set("there", to: [], expire: .seconds(10))
    clock.advance(by: .seconds(1))
    #expect(try await storage.exists("gone") == false)
    clock.advance(by: .seconds(-1000))
    #expect(try await storage.exists("gone") == false)
    #expect(try await storage.ttl("there") == .left(.seconds(9)))
    try await storage.set("new", to: [], expire: .seconds(5))
    clock.advance(by: .seconds(1000))
    #expect(try await storage.ttl("new") == .left(.seconds(5)))
    clock.advance(by: .seconds(5) - .nanoseconds(1))
    #expect(try await storage.ttl("new") == .left(.milliseconds(1)))
    clock.advance(by: .nanoseconds(1))
    #expect(try await storage.ttl("new") == .absent)
  }

  @Test func `what is written again and again leaves nothing behind`() async throws {
    let storage = MemoryStorage(clock: clock)
    try await storage.set("other", to: [])
    for round in 0..<2000 {
      try await storage.set("a", to: [], expire: .seconds(round % 7 + 100))
      try await storage.expire("a", after: .seconds(1000))
      if round % 2 == 0 { try await storage.delete("a") }
    }
    #expect(storage.leftovers <= 3 * 64 + 10)
    #expect(storage.figures.keys == 2)
  }

  @Test func `a key goes when its latest TTL is over, in whatever order they came`() async throws {
    let storage = MemoryStorage(clock: clock)
    var random = SeededRandom(seed: 7)
    var deadlines: [Int: Int] = [:]
    for _ in 0..<3000 {
      let (key, ttl) = (random.below(200), random.below(1000) + 1)
      try await storage.set("\(key)", to: [], expire: .milliseconds(ttl))
      deadlines[key] = ttl
    }
    for time in stride(from: 0, through: 1000, by: 10) {
      #expect(storage.figures.keys == deadlines.values.count { $0 > time })
      clock.advance(by: .milliseconds(10))
    }
  }

  // MARK: - Against a model

  /// Random operations, compared with a dictionary that knows nothing of heaps and pages.
  @Test(arguments: 0..<20) func `random operations answer as a plain model`(seed: Int) async throws
  {
    let storage = MemoryStorage(clock: clock)
    var random = SeededRandom(seed: UInt64(seed))
    var model: [String: (value: [UInt8], until: Int?)] = [:]
    var now = 0
    func live(_ key: String) -> [UInt8]? {
      model[key].flatMap { entry in entry.until.map { $0 <= now } ?? false ? nil : entry.value }
    }
    for _ in 0..<600 {
      let key = "k\(random.below(12))"
      let ttl = random.below(3) == 0 ? nil : Optional(random.below(50) + 1)
      let expire = ttl.map { Duration.milliseconds($0) }
      let value = [UInt8(random.below(3))]
      switch random.below(9) {
      case 0:
        try await storage.set(key, to: value, expire: expire)
        model[key] = (value, ttl.map { now + $0 })
      case 1:
        let isSet = try await storage.setIfAbsent(key, to: value, expire: expire)
        #expect(isSet == (live(key) == nil))
        if isSet { model[key] = (value, ttl.map { now + $0 }) }
      case 2:
        let expected: [UInt8]? = random.below(3) == 0 ? nil : [UInt8(random.below(3))]
        let new: [UInt8]? = random.below(3) == 0 ? nil : value
        let isDone = try await storage.compareAndSwap(key, from: expected, to: new, expire: expire)
        #expect(isDone == (live(key) == expected))
        if isDone { model[key] = new.map { ($0, ttl.map { now + $0 }) } }
      case 3:
        #expect(try await storage.delete(key) == (live(key) != nil))
        model[key] = nil
      case 4:
        #expect(try await storage.expire(key, after: expire) == (live(key) != nil))
        if let present = live(key) { model[key] = (present, ttl.map { now + $0 }) }
      case 5:
        let keys = try await keys(of: storage)
        #expect(keys.count == Set(keys).count)
        #expect(Set(keys) == Set(model.keys.filter { live($0) != nil }))
      case 6:
        let step = random.below(20)
        clock.advance(by: .milliseconds(step))
        now += step
      default:
        #expect(try await storage.get(key) == live(key))
        let until = live(key) == nil ? nil : model[key]?.until
        let left = until.map { StorageTTL.left(.milliseconds($0 - now)) }
        #expect(try await storage.ttl(key) == (live(key) == nil ? .absent : left ?? .none))
      }
    }
  }

  private func keys(of storage: MemoryStorage) async throws -> [String] {
    var keys: [String] = []
    for try await key in storage.scan(.all) { keys.append(key) }
    return keys
  }

  @Test func `a scan goes page by page, and finds what stays whatever else is deleted`()
    async throws
  {
    let storage = MemoryStorage(clock: clock)
    for number in 0..<3000 { try await storage.set("\(number)", to: []) }
    var found: Set<String> = []
    for try await key in storage.scan(.all) {
      found.insert(key)
      if found.count == 10 {
        for number in 0..<3000 where number % 10 != 0 { try await storage.delete("\(number)") }
        for number in 0..<500 { try await storage.set("new \(number)", to: []) }
      }
    }
    #expect(found.isSuperset(of: stride(from: 0, to: 3000, by: 10).map { "\($0)" }))
    #expect(!found.contains("new 1"))
  }
}

/// Numbers that are the same each time.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ state >> 29) &* 0xBF58_476D_1CE4_E5B9
  }

  mutating func below(_ limit: Int) -> Int { Int(next() >> 33) % limit }
}
