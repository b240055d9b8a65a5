import Holdfast
import Testing

@Suite struct EvaluationCacheTests {
  private let clock = ManualClock()

  private func context(_ values: KeyValuePairs<String, Context.Value>) throws -> Context {
    var context = try Context()
    for (name, value) in values { try context.set(value, for: name) }
    return context
  }

  @Test func `a decision is made once for the same values`() throws {
    let cache = try EvaluationCache(clock: clock)
    let condition = try Condition("severity > 0.5 and step == 'x'")
    let same = try Condition("(severity>.5)and step==\"x\"")
    let other = try Condition("severity > 0.5 or step == 'x'")
    let holds = try context(["severity": 0.9, "step": "x", "duration": 1])
    let again = try context(["duration": 2, "step": "x", "severity": 0.9])
    let fails = try context(["severity": 0.9, "step": "y"])
    #expect(try cache.evaluate(condition, holds))
    #expect(try cache.evaluate(condition, again))
    #expect(try cache.evaluate(same, holds))
    #expect(cache.statistics.hits == 2)
    #expect(cache.statistics.misses == 1)
    #expect(try !cache.evaluate(condition, fails))
    #expect(try !cache.evaluate(condition, fails))
    #expect(cache.statistics.hits == 3)
    #expect(try cache.evaluate(other, fails))
    #expect(cache.statistics.misses == 3)
    cache.removeAll()
    #expect(try cache.evaluate(condition, holds))
    #expect(cache.statistics.misses == 4)
  }

  @Test func `what fails is remembered, and says why`() throws {
    let cache = try EvaluationCache(clock: clock)
    let condition = try Condition("severity > 0.5 and step == 'x'")
    let missing = try context(["severity": 0.9])
    let first = capture { _ = try cache.evaluate(condition, missing) }
    let second = capture { _ = try cache.evaluate(condition, missing) }
    #expect(first?.code == .missingVariable)
    #expect(first?.variable == "step")
    #expect(second == first)
    #expect(cache.statistics.negativeHits == 1)
    clock.advance(by: .seconds(300))
    _ = capture { _ = try cache.evaluate(condition, missing) }
    #expect(cache.statistics.misses == 2)
  }

  @Test func `it holds a thousand decisions for five minutes`() throws {
    let cache = try EvaluationCache(clock: clock)
    let condition = try Condition("severity > 500")
    for number in 0..<1100 {
      let context = try context(["severity": .number(Double(number))])
      #expect(try cache.evaluate(condition, context) == (number > 500))
    }
    #expect(cache.statistics.entries == 1000)
    let last = try context(["severity": 1099])
    clock.advance(by: .seconds(300) - .nanoseconds(1))
    #expect(try cache.evaluate(condition, last))
    #expect(cache.statistics.hits == 1)
    clock.advance(by: .nanoseconds(1))
    #expect(try cache.evaluate(condition, last))
    #expect(cache.statistics.hits == 1)
  }

  @Test func `what depends on time is kept no longer than it says`() throws {
    let cache = try EvaluationCache(clock: clock)
    let condition = try Condition("severity > 0.5")
    let context = try context(["severity": 1])
    #expect(try cache.evaluate(condition, context, validFor: .seconds(2)))
    clock.advance(by: .seconds(1))
    #expect(try cache.evaluate(condition, context, validFor: .seconds(2)))
    clock.advance(by: .seconds(1))
    #expect(try cache.evaluate(condition, context, validFor: .seconds(1000)))
    #expect(cache.statistics.hits == 1)
    clock.advance(by: .seconds(300))
    #expect(try cache.evaluate(condition, context, validFor: .zero))
    #expect(try cache.evaluate(condition, context, validFor: .zero))
    #expect(cache.statistics.misses == 4)
  }

  @Test func `what depends on time does not slide`() throws {
    var options = EvaluationCache.defaultOptions
    options.sliding = true
    let cache = try EvaluationCache(options, clock: clock)
    let condition = try Condition("severity > 0.5")
    let context = try context(["severity": 1])
    for _ in 0..<6 {
      #expect(try cache.evaluate(condition, context, validFor: .seconds(10)))
      clock.advance(by: .seconds(4))
    }
    #expect(cache.statistics.misses == 2)
  }

  @Test func `schemas are kept apart, and equal ones are not`() throws {
    let cache = try EvaluationCache(clock: clock)
    let numbers = try Schema([("a", .number), ("b", .number)])
    let equal = try Schema([("a", .number), ("b", .number)])
    let turned = try Schema([("b", .number), ("a", .number)])
    let condition = try Condition("a > b", schema: numbers)
    let turnedCondition = try Condition("a > b", schema: turned)
    func decide(_ condition: Condition, _ schema: Schema) throws -> Bool {
      var context = try Context(schema: schema)
      try context.set(number: 2, at: 0)
      try context.set(number: 1, at: 1)
      return try cache.evaluate(condition, context)
    }
    #expect(try decide(condition, numbers))
    #expect(try decide(condition, equal))
    #expect(cache.statistics.hits == 1)
    #expect(try !decide(turnedCondition, turned))
    #expect(cache.statistics.hits == 1)
    #expect(capture { _ = try decide(condition, turned) }?.code == .schemaMismatch)
    #expect(cache.statistics.lookups == 3)
  }

  @Test func `it decides as the condition does`() throws {
    let cache = try EvaluationCache()
    let conditions = try [
      "severity > 0.5", "severity == 'x'", "always",
      "step == 'a longer text than any key of a context'",
    ].map { text in try Condition(text) }
    let values: [Context.Value?] = [
      nil, .null, 0, 1, true, false, "x", "a longer text than any key of a context", .container,
      .number(.nan), .number(-0.0), .number(.infinity),
    ]
    for _ in 0..<2 {
      for severity in values {
        for step in values {
          var context = try Context()
          if let severity { try context.set(severity, at: 0) }
          if let step { try context.set(step, for: "step") }
          for condition in conditions {
            var expected: Bool?
            let failure = capture { expected = try condition.evaluate(context) }
            var held: Bool?
            #expect(capture { held = try cache.evaluate(condition, context) } == failure)
            #expect(held == expected)
          }
        }
      }
    }
    #expect(cache.statistics.hits + cache.statistics.negativeHits > cache.statistics.misses)
  }

  @Test func `many tasks share it`() async throws {
    let cache = try EvaluationCache()
    let condition = try Condition("severity > 50")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var context = try Context()
          for number in 0..<1000 {
            try context.set(number: Double(number % 100), at: 0)
            #expect(try cache.evaluate(condition, context) == (number % 100 > 50))
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(cache.statistics.entries == 100)
  }
}
