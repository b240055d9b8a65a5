import Holdfast
import Testing

@Suite struct ConditionImageTests {
  @Test func `a condition comes back from its image`() throws {
    let schema = try Schema(["load": .number, "region": .string])
    let condition = try Condition("load > 1 and (region == 'é' or load == .5)", schema: schema)
    let loaded = try Condition(image: condition.image(), schema: schema)
    #expect(loaded.text == condition.text)
    #expect(loaded.canonicalText == condition.canonicalText)
    #expect(loaded.tokenCount == condition.tokenCount)
    #expect(loaded.requiredVariables == condition.requiredVariables)
    #expect(loaded.schema == schema)
    #expect(try loaded.evaluate(["load": 2, "region": "é"]))
    #expect(try !loaded.evaluate(["load": 2, "region": "e"]))
    #expect(loaded.image() == condition.image())
    #expect(try Condition(image: Condition("always").image()).evaluate([:]))
  }

  @Test func `every conformance condition comes back`() throws {
    var loaded = 0
    for row in try Conformance.rows("conditions.jsonl", as: Conformance.ConditionRow.self) {
      guard let condition = try? Condition(row.expr) else { continue }
      let again = try Condition(image: condition.image())
      #expect(again.text == condition.text, "\(row.id)")
      #expect(again.canonicalText == condition.canonicalText, "\(row.id)")
      #expect(try again.explain([:]) == condition.explain([:]), "\(row.id)")
      loaded += 1
    }
    #expect(loaded > 600)
  }

  @Test func `any sequence of bytes is an image`() throws {
    let bytes = try Condition("severity > 1").image()
    let around = [0] + bytes + [0]
    #expect(try Condition(image: around[1..<(around.count - 1)]).text == "severity > 1")
    #expect(try Condition(image: AnySequence(bytes)).text == "severity > 1")
    #expect(try Condition(image: bytes.lazy.map { $0 }).text == "severity > 1")
  }

  @Test func `a text names what it failed for, not where in a text`() throws {
    let bytes = try Condition("severity > 1").image()
    var altered = bytes
    altered[20] ^= 1
    for damaged in [[], Array(bytes.dropLast()), bytes + [0], altered] {
      let error = #expect(throws: HoldfastError.self) { try Condition(image: damaged) }
      #expect(error?.code == .badImage)
      #expect(error?.location == nil)
    }
    let text = #expect(throws: HoldfastError.self) { try Condition(image: Array("{}".utf8)) }
    #expect(
      text?.description
        == "bad_image: the image is cut short: it ends before its text, at byte 2 of the image")
  }

  @Test func `another schema is refused`() throws {
    let bytes = try Condition("severity > 1").image()
    let other = try Schema(["severity": .any])
    let error = #expect(throws: HoldfastError.self) { try Condition(image: bytes, schema: other) }
    #expect(error?.code == .schemaMismatch)
    #expect(error?.location == nil)
  }

  @Test func `limits hold as when compiling`() throws {
    let long = Array(repeating: "step > 1", count: 13).joined(separator: " and ")
    let bytes = try Condition(long, limits: .init(maxTokens: 52)).image()
    let complex = #expect(throws: HoldfastError.self) { try Condition(image: bytes) }
    #expect(complex?.code == .tooComplex)
    #expect(try Condition(image: bytes, limits: .init(maxTokens: 52)).tokenCount == 52)
    let tooLong = #expect(throws: HoldfastError.self) {
      try Condition(image: bytes, limits: .init(maxTokens: 52, maxTextBytes: 10))
    }
    #expect(tooLong?.code == .textTooLong)
    let limit = #expect(throws: HoldfastError.self) {
      try Condition(image: bytes, limits: .init(maxTokens: -1))
    }
    #expect(limit?.code == .invalidArgument)
    #expect(limit?.message == "a limit of -1 is out of range")
  }
}
