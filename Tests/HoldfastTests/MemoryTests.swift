import CHoldfastInternals
import Holdfast
import Testing

/// What is dropped is given back. The counts are those of the test's own thread, so that tests
/// beside it do not disturb them.
@Suite struct MemoryTests {
  /// How many bytes more are in use after many rounds than before; `nil` when nobody counts them.
  private func growth(of body: () throws -> Void) rethrows -> Int? {
    guard hft_allocated_bytes() != UInt64.max else {
      print("skipped: memory in use is counted only where the program uses jemalloc")
      return nil
    }
    // What is made once and kept, such as caches of the standard library, is made before.
    for _ in 0..<10 { try body() }
    let allocated = hft_allocated_bytes()
    let deallocated = hft_deallocated_bytes()
    for _ in 0..<1000 { try body() }
    // Both only grow, but what others allocated may be given back here.
    return Int(hft_allocated_bytes() - allocated) - Int(hft_deallocated_bytes() - deallocated)
  }

  /// Less than one object a round; the smallest takes some hundred bytes.
  private let most = 16 * 1024

  @Test func `schemas are given back`() throws {
    let growth = try growth {
      let schema = try Schema(["load": .number, "region": .string, "degraded": .boolean])
      let copy = schema
      #expect(copy.count == 3)
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `contexts are given back with their strings`() throws {
    let text = String(repeating: "long ", count: 100)
    let growth = try growth {
      var context = try Context()
      try context.set(string: text, at: 0)
      try context.set(string: "short", at: 1)
      try context.set(string: text + text, at: 0)
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `conditions are given back`() throws {
    let growth = try growth {
      let condition = try Condition("severity >= 0.8 and (step == 'x' or duration < 3)")
      #expect(condition.tokenCount == 14)
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `a schema is given back when its conditions and contexts are`() throws {
    let growth = try growth {
      let schema = try Schema(["load": .number, "region": .string])
      let condition = try Condition("load > 1 and region == 'eu'", schema: schema)
      #expect(try condition.evaluate(["load": 2, "region": "eu"]))
      #expect(try condition.explain(["load": 2]).outcome == .failed(.missingVariable))
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `what fails leaves nothing behind`() throws {
    let condition = try Condition("severity > 'x' and step > 1")
    let growth = growth {
      _ = capture { _ = try Schema([("a", .any), ("a", .any)]) }
      _ = capture { _ = try Condition("severity > 1 and sevrity > 1") }
      _ = capture { _ = try condition.evaluate(["severity": 1]) }
      _ = capture {
        var context = try Context()
        try context.set(string: "text", at: 9)
      }
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `columns keep arrays and do not copy them`() throws {
    guard hft_allocated_bytes() != UInt64.max else {
      print("skipped: allocations are counted only where the program uses jemalloc")
      return
    }
    struct Row { var number: Float, code: Int32 }
    let count = 100_000
    let schema = try Schema([
      "a": .number, "b": .number, "c": .number, "s": .string, "t": .string, "flag": .boolean,
    ])
    let condition = try Condition(
      "a > 1 and b > 1 and c > 1 and s == 'x' and t == 'x' and flag == 1", schema: schema)
    let doubles = [Double](repeating: 2, count: count)
    let floats = [Float](repeating: 2, count: count)
    let codes = [Int32](repeating: 0, count: count)
    let rows = [Row](repeating: Row(number: 2, code: 0), count: count)
    let bits = try Bitmap(bytes: [UInt8](repeating: 0xFF, count: count / 8), count: count)
    func round() throws {
      var columns = try Columns(schema: schema, count: count)
      try columns.set(doubles, valid: bits, for: "a")
      try columns.set(floats, for: "b")
      try columns.set(rows, \.number, for: "c")
      try columns.set(codes: codes, dictionary: ["x"], for: "s")
      try columns.set(rows, codes: \.code, dictionary: ["x"], for: "t")
      try columns.set(bits, for: "flag")
      let copy = columns
      #expect(try condition.counts(in: copy).held == count)
    }
    try round()
    let before = hft_allocated_bytes()
    try round()
    // The smallest of the arrays has 12,500 bytes.
    let allocated = hft_allocated_bytes() - before
    #expect(allocated < 10_000, "\(allocated) bytes")
  }

  @Test func `columns are given back with what they keep`() throws {
    struct Row { var number: Double }
    let condition = try Condition("severity > 1 and step == 'x' and duration > 1")
    let growth = try growth {
      var columns = try Columns(count: 200)
      try columns.set([Double](repeating: 2, count: 200), for: "severity")
      try columns.set(
        [Float](repeating: 2, count: 200),
        valid: Bitmap(repeatElement(true, count: 200)), for: "severity")
      try columns.set(
        codes: [Int32](repeating: 0, count: 200), dictionary: ["x", "y"], for: "step")
      try columns.set([Row](repeating: Row(number: 2), count: 200), \.number, for: "duration")
      let copy = columns
      try columns.unset("step")
      #expect(try condition.evaluate(copy).heldCount == 200)
      #expect(try condition.evaluate(columns).failedCount == 200)
      _ = capture { _ = try condition.evaluate(columns, row: 3) }
      _ = capture { try columns.set([Double](repeating: 2, count: 199), for: "severity") }
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `breakers are given back with their streams`() throws {
    let growth = try growth {
      let breaker = try CircuitBreaker("storage", onTransition: { _ in })
      let events = breaker.events()
      breaker.transition(to: .open)
      _ = capture { try breaker.run {} }
      #expect(events.dropped == 0)
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `a stream that nobody reads any more is given back before its breaker`() throws {
    let breaker = try CircuitBreaker("storage")
    let growth = growth {
      let events = breaker.events()
      breaker.transition(to: .open)
      #expect(events.dropped == 0)
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `registries are given back with their breakers`() throws {
    let growth = try growth {
      let registry = try CircuitBreakerRegistry(limit: 100)
      let events = registry.events()
      try registry.breaker("one").transition(to: .open)
      try registry.breaker("two").run {}
      #expect(registry.health.open == ["one"])
      #expect(events.dropped == 0)
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `names of breakers that were taken away are given back`() throws {
    let registry = try CircuitBreakerRegistry(limit: 100)
    var round = 0
    let growth = try growth {
      round += 1
      try registry.breaker("the shop at the corner of street \(round)").run {}
      registry.evictIdle(for: .zero)
    }
    #expect(registry.count == 0)
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  @Test func `a call through a breaker allocates nothing`() throws {
    let breaker = try CircuitBreaker("storage")
    var sum = 0
    let allocated = try allocated {
      // Without optimisation the default of `outcome` is a closure on the heap.
      sum += try breaker.run {
        1
      } outcome: { _ in
        .success
      }
      sum += breaker.run {
        1
      } outcome: { _ in
        .success
      } fallback: { _ in
        0
      }
      let permit = try breaker.acquire()
      permit.succeed()
      let dropped = try breaker.acquire()
      _ = consume dropped
    }
    let rounds = allocated == nil ? 0 : 1010
    #expect(sum == 2 * rounds)
    #expect(breaker.metrics.successes == 3 * rounds)
    #expect(breaker.metrics.neutral == rounds)
    #expect(allocated.map { $0 == 0 } ?? true, "\(allocated ?? 0) bytes")
  }

  @Test(arguments: CacheOptions.Policy.allCases)
  func `a hit allocates nothing`(policy: CacheOptions.Policy) throws {
    var options = CacheOptions()
    options.policy = policy
    let bytes = try ByteCache(options)
    let texts = try Cache<String, String>(options)
    let numbers = try Cache<Int, Double>(options)
    let decisions = try EvaluationCache()
    let condition = try Condition("severity > 1 and step == 'x'")
    var context = try Context()
    try context.set(number: 2, at: 0)
    try context.set("x", for: "step")
    let key = "a key that is too long for a small string"
    try bytes.insert([1, 2, 3], forKey: key)
    try texts.insert("a value that is too long for a small string", forKey: key)
    try numbers.insert(1.5, forKey: 7)
    var buffer = [UInt8](repeating: 0, count: 8)
    func allocatesNothing(_ hits: () throws -> Bool) rethrows {
      var missed = 0
      let allocated = try allocated { missed += try hits() ? 0 : 1 }
      #expect(missed == 0)
      #expect(allocated.map { $0 == 0 } ?? true, "\(allocated ?? 0) bytes")
    }
    allocatesNothing { bytes.withValue(forKey: key) { value in value.byteCount } == 3 }
    allocatesNothing {
      var span = buffer.mutableSpan
      // Bytes are initialized and have no other meaning.
      var room = unsafe span.mutableBytes
      return bytes.copyValue(forKey: key, into: &room) == .hit(byteCount: 3)
    }
    allocatesNothing { texts[key] != nil }
    allocatesNothing { numbers[7] == 1.5 }
    try allocatesNothing { try decisions.evaluate(condition, context) }
  }

  @Test func `caches are given back with what they hold`() throws {
    let growth = try growth {
      let texts = try Cache<String, [Int]>(onRemoval: { _ in })
      let events = texts.events()
      for number in 0..<20 {
        try texts.insert([1, 2, 3], forKey: "a key that is too long for a small string \(number)")
      }
      try texts.insert([4], forKey: "a key that is too long for a small string 1")
      texts.removeValue(forKey: "a key that is too long for a small string 2")
      #expect(events.dropped == 0)
      let bytes = try ByteCache()
      try bytes.insert([UInt8](repeating: 1, count: 5000), forKey: 1)
      let decisions = try EvaluationCache()
      #expect(try decisions.evaluate(Condition("always"), Context()))
    }
    #expect(growth.map { $0 < most } ?? true, "\(growth ?? 0) bytes")
  }

  /// How many bytes many rounds allocate, whether they give them back or not; `nil` when nobody
  /// counts them.
  private func allocated(by body: () throws -> Void) rethrows -> UInt64? {
    guard hft_allocated_bytes() != UInt64.max else {
      print("skipped: memory in use is counted only where the program uses jemalloc")
      return nil
    }
    for _ in 0..<10 { try body() }
    let before = hft_allocated_bytes()
    for _ in 0..<1000 { try body() }
    return hft_allocated_bytes() - before
  }
}
