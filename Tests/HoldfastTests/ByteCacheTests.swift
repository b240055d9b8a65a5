import Foundation
import Holdfast
import Testing

@Suite struct ByteCacheTests {
  private let clock = ManualClock()

  private func cache(
    _ change: (inout CacheOptions) -> Void = { _ in }
  ) throws -> ByteCache {
    var options = CacheOptions()
    change(&options)
    return try ByteCache(options, clock: clock)
  }

  @Test(arguments: CacheOptions.Policy.allCases)
  func `what is inserted is found until it is removed`(policy: CacheOptions.Policy) throws {
    let cache = try cache { $0.policy = policy }
    #expect(cache.value(forKey: "a") == nil)
    try cache.insert([1, 2, 3], forKey: "a")
    #expect(cache.value(forKey: "a") == [1, 2, 3])
    #expect(cache.contains("a"))
    try cache.insert([4], forKey: "a")
    #expect(cache.value(forKey: "a") == [4])
    #expect(cache.removeValue(forKey: "a"))
    #expect(!cache.removeValue(forKey: "a"))
    #expect(cache.value(forKey: "a") == nil)
    #expect(!cache.contains("a"))
    try cache.insert([], forKey: "empty")
    #expect(cache.value(forKey: "empty") == [])
    cache.removeAll()
    #expect(cache.value(forKey: "empty") == nil)
  }

  @Test func `keys are the bytes that they say`() throws {
    let cache = try cache()
    try cache.insert([1], forKey: "key")
    #expect(cache.value(forKey: Array("key".utf8)) == [1])
    let span = unsafe "key".utf8Span.span.bytes
    let found = cache.value(forKey: span)
    #expect(found == [1])
    try cache.insert([2], forKey: 7)
    #expect(cache.value(forKey: UInt64(7)) == [2])
    #expect(cache.value(forKey: UInt32(7)) == nil)
    #expect(cache.value(forKey: [7, 0, 0, 0, 0, 0, 0, 0] as [UInt8]) == [2])
    try cache.insert([3], forKey: "")
    #expect(cache.value(forKey: [UInt8]()) == [3])
  }

  @Test func `a key that is too long is refused, and found never`() throws {
    let cache = try cache()
    let key = String(repeating: "k", count: 65_536)
    #expect(code { try cache.insert([1], forKey: key) } == .invalidArgument)
    #expect(cache.value(forKey: key) == nil)
    let longest = String(repeating: "k", count: 65_535)
    try cache.insert([1], forKey: longest)
    #expect(cache.value(forKey: longest) == [1])
  }

  @Test(arguments: CacheOptions.Policy.allCases)
  func `a value is copied into a buffer that is large enough`(policy: CacheOptions.Policy) throws {
    let cache = try cache { $0.policy = policy }
    try cache.insert([1, 2, 3], forKey: "a", options: CacheEntryOptions(softTTL: .seconds(1)))
    try cache.insertNegative(forKey: "none")
    var bytes: [UInt8] = [9, 9, 9, 9]
    func copy(_ key: String, room: Int) -> ByteCache.Copied {
      var span = bytes.mutableSpan
      var part = span._mutatingExtracting(first: room)
      var buffer = unsafe part.mutableBytes
      return cache.copyValue(forKey: key, into: &buffer)
    }
    #expect(copy("b", room: 4) == .miss)
    #expect(copy("none", room: 4) == .negative)
    #expect(copy("a", room: 2) == .noRoom(byteCount: 3))
    #expect(bytes == [9, 9, 9, 9])
    #expect(copy("a", room: 4) == .hit(byteCount: 3))
    #expect(bytes == [1, 2, 3, 9])
    clock.advance(by: .seconds(1))
    #expect(copy("a", room: 4) == .stale(byteCount: 3))
  }

  @Test func `a value is lent, and errors pass`() throws {
    struct Refused: Error {}
    let cache = try cache()
    try cache.insert([1, 2, 3], forKey: "a")
    #expect(cache.withValue(forKey: "a") { $0.byteCount } == 3)
    #expect(cache.withValue(forKey: "b") { $0.byteCount } == nil)
    #expect(throws: Refused.self) {
      try cache.withValue(forKey: "a") { (_) throws(Refused) -> Int in throw Refused() }
    }
    // No lock is held: the body may use the cache.
    let removed = cache.withValue(forKey: "a") { value in
      cache.removeValue(forKey: "a") && value.byteCount == 3
    }
    #expect(removed == true)
    #expect(cache.value(forKey: "a") == nil)
    let large = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    try cache.insert(large, forKey: "large")
    #expect(cache.value(forKey: "large") == large)
    #expect(cache.statistics.hits == 4)
  }

  @Test(arguments: CacheOptions.Policy.allCases)
  func `many keys are looked up together, in order`(policy: CacheOptions.Policy) throws {
    let cache = try cache { $0.policy = policy }
    var expected: [[UInt8]?] = []
    for number in 0..<100 {
      // Some are larger than what is copied at once.
      let value = [UInt8](repeating: UInt8(number), count: number * 7)
      expected.append(number % 3 == 0 ? nil : value)
      if number % 3 != 0 { try cache.insert(value, forKey: number) }
    }
    #expect(cache.values(forKeys: 0..<100) == expected)
    #expect(cache.statistics.hits == 66)
    #expect(cache.statistics.misses == 34)
    #expect(cache.values(forKeys: [99, 2, 99, 50, 2]) == [99, 2, 99, 50, 2].map { expected[$0] })
    #expect(cache.values(forKeys: [String]()) == [])
  }

  @Test func `an entry is gone at its deadline, exactly`() throws {
    let cache = try cache { $0.ttl = .seconds(10) }
    try cache.insert([1], forKey: "usual")
    try cache.insert([1], forKey: "short", ttl: .seconds(1))
    var forever = CacheEntryOptions()
    forever.neverExpires = true
    try cache.insert([1], forKey: "forever", options: forever)
    try cache.insert(
      [1], forKey: "sliding", options: CacheEntryOptions(ttl: .seconds(2), sliding: true))
    clock.advance(by: .seconds(1) - .nanoseconds(1))
    #expect(cache.value(forKey: "short") == [1])
    #expect(cache.value(forKey: "sliding") == [1])
    clock.advance(by: .nanoseconds(1))
    #expect(cache.value(forKey: "short") == nil)
    clock.advance(by: .seconds(1))
    #expect(cache.value(forKey: "sliding") == [1])
    clock.advance(by: .seconds(8))
    #expect(cache.value(forKey: "usual") == nil)
    #expect(cache.value(forKey: "sliding") == nil)
    clock.advance(by: .seconds(1_000_000))
    #expect(cache.value(forKey: "forever") == [1])
  }

  @Test func `a TTL of zero removes`() throws {
    let cache = try cache()
    try cache.insert([1], forKey: "a")
    try cache.insert([2], forKey: "a", ttl: .zero)
    #expect(cache.value(forKey: "a") == nil)
    try cache.insert([2], forKey: "a", ttl: .seconds(-1))
    #expect(cache.value(forKey: "a") == nil)
    #expect(cache.statistics.entries == 0)
  }

  @Test func `what is negative is forgotten after its own TTL`() throws {
    let cache = try cache {
      $0.ttl = .seconds(100)
      $0.negativeTTL = .seconds(5)
    }
    try cache.insertNegative(forKey: "a")
    #expect(cache.value(forKey: "a") == nil)
    #expect(!cache.contains("a"))
    #expect(cache.statistics.negativeHits == 1)
    clock.advance(by: .seconds(5))
    #expect(cache.value(forKey: "a") == nil)
    #expect(cache.statistics.misses == 1)
  }

  @Test(arguments: CacheOptions.Policy.allCases)
  func `tags and namespaces are invalidated at once`(policy: CacheOptions.Policy) throws {
    let cache = try cache { $0.policy = policy }
    try cache.declareNamespace("user/")
    let red: CacheTag = "red"
    try cache.insert([1], forKey: "a", options: CacheEntryOptions(tags: [red, "small"]))
    try cache.insert([2], forKey: "b", options: CacheEntryOptions(tags: ["blue"]))
    try cache.insert([3], forKey: "user/1")
    try cache.insert([4], forKey: "users")
    cache.invalidate(red)
    #expect(cache.values(forKeys: ["a", "b", "user/1", "users"]) == [nil, [2], [3], [4]])
    #expect(cache.invalidateNamespace("user/"))
    #expect(!cache.invalidateNamespace("other/"))
    #expect(cache.values(forKeys: ["a", "b", "user/1", "users"]) == [nil, [2], nil, [4]])
    try cache.insert([5], forKey: "a", options: CacheEntryOptions(tags: [red]))
    #expect(cache.value(forKey: "a") == [5])
    cache.maintain(budget: 10_000)
    #expect(cache.statistics.removals[.invalidated] == 2)
    #expect(cache.statistics.entries == 3)
    #expect(code { try cache.declareNamespace("") } == .invalidArgument)
  }

  @Test func `limits hold, and what cannot fit is refused`() throws {
    let cache = try cache { $0.maxEntries = 3 }
    for number in 0..<10 { try cache.insert([1], forKey: number) }
    #expect(cache.statistics.entries == 3)
    #expect(cache.statistics.removals[.evictedByCount] == 7)
    try cache.resize(maxEntries: 100, maxBytes: 200)
    try cache.insert([1], forKey: "a")
    #expect(code { try cache.insert([UInt8](repeating: 0, count: 400), forKey: "a") } == .tooLarge)
    #expect(cache.value(forKey: "a") == nil)
    #expect(cache.statistics.refused == 1)
    for number in 0..<10 { try cache.insert([1], forKey: number) }
    #expect(cache.statistics.chargedBytes <= 200)
    #expect((cache.statistics.removals[.evictedByBytes] ?? 0) > 0)
    #expect(code { try cache.resize(maxEntries: 0) } == .invalidArgument)
    #expect(code { try cache.resize(maxEntries: 1, maxBytes: 0) } == .invalidArgument)
  }

  @Test func `what has expired is cleared away when asked`() throws {
    let cache = try cache { $0.ttl = .seconds(1) }
    for number in 0..<100 { try cache.insert([1], forKey: number) }
    clock.advance(by: .seconds(2))
    #expect(cache.statistics.entries == 100)
    #expect(cache.maintain() == 100)
    #expect(cache.statistics.entries == 0)
    #expect(cache.statistics.removals[.expired] == 100)
    #expect(cache.maintain(budget: -1) == 0)
  }

  @Test func `figures are counted`() throws {
    let cache = try cache()
    try cache.insert([1], forKey: "a")
    _ = cache.value(forKey: "a")
    _ = cache.value(forKey: "b")
    _ = cache.contains("a")
    let statistics = cache.statistics
    #expect(statistics.puts == 1)
    #expect(statistics.hits == 1)
    #expect(statistics.misses == 1)
    #expect(statistics.lookups == 2)
    #expect(statistics.hitRate == 0.5)
    #expect(statistics.entries == 1)
    #expect(statistics.chargedBytes > 0)
    #expect(statistics.allocatedBytes >= statistics.chargedBytes)
  }

  @Test func `a cache is saved and restored`() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("holdfast-\(UInt64.random(in: .min ... .max)).cache").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let cache = try cache()
    try cache.insert([1, 2], forKey: "a", ttl: .seconds(10))
    try cache.insert([3], forKey: "b")
    clock.advance(by: .seconds(4))
    try cache.save(to: path)
    let other = try ByteCache(clock: clock)
    #expect(try other.restore(from: path) == 2)
    #expect(other.value(forKey: "a") == [1, 2])
    #expect(other.value(forKey: "b") == [3])
    clock.advance(by: .seconds(6))
    #expect(other.value(forKey: "a") == nil)
    #expect(other.value(forKey: "b") == [3])
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
    #expect(code { try other.restore(from: path) } == .badImage)
    #expect(code { try other.restore(from: path + ".none") } == .io)
    #expect(code { try cache.save(to: "/no/such/directory/cache") } == .io)
  }

  @Test func `options out of range are refused`() throws {
    func refuses(_ change: (inout CacheOptions) -> Void) -> Bool {
      var options = CacheOptions()
      change(&options)
      return code { _ = try ByteCache(options) } == .invalidArgument
    }
    #expect(refuses { $0.maxEntries = 0 })
    #expect(refuses { $0.maxEntries = -1 })
    #expect(refuses { $0.maxEntries = 134_217_729 })
    #expect(refuses { $0.maxBytes = 0 })
    #expect(refuses { $0.ttl = .zero })
    #expect(refuses { $0.negativeTTL = .seconds(-1) })
    #expect(refuses { $0.loadLease = .microseconds(999) })
    #expect(refuses { $0.loadLease = .seconds(-1) })
    #expect(refuses { $0.tagPlaces = 3 })
    #expect(refuses { $0.tagPlaces = -2 })
    #expect(!refuses { $0.ttl = .seconds(Int64.max) })
    let cache = try cache()
    #expect(
      code { try cache.insert([1], forKey: 1, options: CacheEntryOptions(cost: -1)) }
        == .invalidArgument)
    let tags = (0..<8).map { CacheTag("\($0)") }
    #expect(
      code { try cache.insert([1], forKey: 1, options: CacheEntryOptions(tags: tags)) }
        == .invalidArgument)
  }

  private func code(_ body: () throws -> Void) -> HoldfastError.Code? {
    capture { try body() }?.code
  }
}
