import CHoldfastInternals
import Holdfast
import Testing

@Suite struct ConditionTests {
  @Test func `the sentence of the documentation reads and works`() throws {
    let urgent = try Condition("severity >= 0.8 and recurrence_count >= 2")
    #expect(try urgent.evaluate(["severity": 0.9, "recurrence_count": 3]))
    #expect(try !urgent.evaluate(["severity": 0.9, "recurrence_count": 1]))
  }

  @Test func `an error shows the text with a caret under the fault`() {
    let error = #expect(throws: HoldfastError.self) { try Condition("sevrity >= 0.8") }
    #expect(
      error?.description == """
        variable_not_allowed: unknown variable 'sevrity'; did you mean 'severity'?
          1 | sevrity >= 0.8
            | ^~~~~~~
        """)
    #expect(error?.code == .variableNotAllowed)
    #expect(error?.suggestion == "severity")
    #expect(error?.location?.text == "sevrity >= 0.8")
    #expect(error?.location?.offset == 0)
    #expect(error?.location?.length == 7)
  }

  @Test func `a caret counts characters and an offset counts bytes`() {
    let error = #expect(throws: HoldfastError.self) { try Condition("step == 'é' & severity > 1") }
    #expect(error?.location?.offset == 13)
    #expect(
      error?.description == """
        unexpected_character: unexpected character '&'; write 'and'
          1 | step == 'é' & severity > 1
            |             ^
        """)
  }

  @Test func `a fault on a later line shows that line`() {
    let error = #expect(throws: HoldfastError.self) {
      try Condition("severity > 1\n  and step = 2")
    }
    #expect(
      error?.description == """
        invalid_operator: '=' is no operator; use >=, <=, >, <, == or !=
          2 |   and step = 2
            |            ^
        """)
  }

  @Test func `a missing variable is named whatever the other side holds`() throws {
    let condition = try Condition("severity > 0 or confidence > 0.5")
    let error = #expect(throws: HoldfastError.self) { try condition.evaluate(["severity": 1]) }
    #expect(error?.code == .missingVariable)
    #expect(error?.variable == "confidence")
    #expect(error?.location?.offset == 16)
    #expect(error?.location?.length == 10)
  }

  @Test func `the first failing comparison in the text is reported`() throws {
    let condition = try Condition("severity > 'x' and confidence > 0.5")
    let error = #expect(throws: HoldfastError.self) { try condition.evaluate(["severity": 1]) }
    #expect(error?.code == .typeMismatch)
    #expect(error?.location?.offset == 0)
    #expect(error?.location?.length == 14)
  }

  @Test func `an ordering that the declared types rule out does not compile`() throws {
    let schema = try Schema(["load": .number])
    let error = #expect(throws: HoldfastError.self) {
      try Condition("load > 1 and load < 'high'", schema: schema)
    }
    #expect(error?.code == .typeMismatch)
    #expect(error?.location?.offset == 13)
    #expect(error?.location?.length == 13)
  }

  @Test func `a value of another type fails only the comparison that needs it`() throws {
    let schema = try Schema(["load": .number, "unused": .number])
    let condition = try Condition("load > 1", schema: schema)
    #expect(try condition.evaluate(["load": 2, "unused": "text", "undeclared": nil]))
    let error = #expect(throws: HoldfastError.self) { try condition.evaluate(["load": "text"]) }
    #expect(error?.code == .typeMismatch)
    #expect(error?.variable == "load")
    #expect(error?.location?.length == 8)
  }

  @Test func `a context serves every condition of an equal schema and no other`() throws {
    let one = try Schema(["load": .number])
    let twin = try Schema(["load": .number])
    let other = try Schema(["load": .any])
    var context = try Context(schema: one)
    try context.set(number: 3, at: 0)
    let held = try Condition("load == 3", schema: twin).evaluate(context)
    #expect(held)
    let condition = try Condition("load == 3", schema: other)
    let error = capture { _ = try condition.evaluate(context) }
    #expect(error?.code == .schemaMismatch)
    let explanation = capture { _ = try condition.explain(context) }
    #expect(explanation?.code == .schemaMismatch)
  }

  @Test func `the default limits are 50 tokens and 65536 bytes`() throws {
    #expect(Condition.Limits() == Condition.Limits(maxTokens: 50, maxTextBytes: 65_536))
    // Twelve comparisons, eleven times `and`, two parentheses and the end.
    let full = "(" + Array(repeating: "step > 1", count: 12).joined(separator: " and ") + ")"
    #expect(try Condition(full).tokenCount == 50)
    let tooMany = #expect(throws: HoldfastError.self) { try Condition(full + ")") }
    #expect(tooMany?.code == .tooComplex)
    let long = "step > 1" + String(repeating: " ", count: 65_536 - 8)
    #expect(try Condition(long).text.utf8.count == 65_536)
    let tooLong = #expect(throws: HoldfastError.self) { try Condition(long + " ") }
    #expect(tooLong?.code == .textTooLong)
  }

  @Test func `limits bind and can be raised`() throws {
    let long = Array(repeating: "step > 1", count: 13).joined(separator: " and ")
    let error = #expect(throws: HoldfastError.self) { try Condition(long) }
    #expect(error?.code == .tooComplex)
    #expect(try Condition(long, limits: .init(maxTokens: 52)).tokenCount == 52)
    let tooLong = #expect(throws: HoldfastError.self) {
      try Condition("step > 1", limits: .init(maxTextBytes: 7))
    }
    #expect(tooLong?.code == .textTooLong)
  }

  @Test(arguments: [
    Condition.Limits(maxTokens: 1), .init(maxTokens: -1), .init(maxTokens: 1 << 40),
    .init(maxTextBytes: -1), .init(maxTextBytes: 1 << 25),
  ])
  func `limits out of range are refused`(limits: Condition.Limits) {
    let error = #expect(throws: HoldfastError.self) { try Condition("step > 1", limits: limits) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.location == nil)
  }

  @Test func `inspection tells what is needed and the canonical text`() throws {
    let condition = try Condition(" ((step>1.) )or(duration<\t.50 and\nstep != \"it's\")")
    #expect(condition.requiredVariables == ["step", "duration"])
    #expect(condition.tokenCount == 18)
    #expect(condition.canonicalText == "step > 1 or duration < 0.5 and step != \"it's\"")
    #expect(condition.description == condition.text)
    #expect(try Condition(" ALWAYS\n").canonicalText == "always")
    #expect(try Condition("always").evaluate([:]))
  }

  @Test func `a prepared context is evaluated without allocation`() throws {
    let condition = try Condition("severity >= 0.8 and (step == 'x' or duration < 3)")
    var context = try Context()
    try context.set(number: 0.9, at: 0)
    try context.set(string: "x", at: 3)
    try context.set(number: 5, at: 4)
    guard hft_allocated_bytes() != UInt64.max else {
      print("skipped: allocations per evaluation are counted only where the program uses jemalloc")
      return
    }
    var held = 0
    let before = hft_allocated_bytes()
    for _ in 0..<1000 where try condition.evaluate(context) { held += 1 }
    let after = hft_allocated_bytes()
    #expect(after == before)
    #expect(held == 1000)
  }

  @Test func `many tasks evaluate one condition at once`() async throws {
    let condition = try Condition("severity >= 0.5 and step < 8 or duration == 'x'")
    let held = try await withThrowingTaskGroup(of: Int.self) { group in
      for task in 0..<8 {
        group.addTask {
          var context = try Context(schema: condition.schema)
          var held = 0
          for step in 0..<2000 {
            try context.set(number: step % 2 == 0 ? 0.25 : 0.75, at: 0)
            try context.set(number: Double(step % 16), at: 3)
            try context.set(string: step == task ? "x" : "y", at: 4)
            if try condition.evaluate(context) { held += 1 }
          }
          return held
        }
      }
      return try await group.reduce(0, +)
    }
    // Of 16 steps the odd ones below 8 hold; and each task's own step, where it is even.
    #expect(held == 8 * 2000 / 16 * 4 + 4)
  }
}
