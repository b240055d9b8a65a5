import Holdfast
import Testing

@Suite struct SchemaTests {
  @Test func `the classic schema declares five variables of type any`() {
    let names = Schema.classic.variables.map(\.name)
    #expect(names == ["severity", "recurrence_count", "confidence", "step", "duration"])
    #expect(Schema.classic.variables.allSatisfy { $0.type == .any })
  }

  @Test func `names have their place as index`() throws {
    let schema = try Schema(["cpu": .number, "region": .string, "degraded": .boolean])
    #expect(schema.count == 3)
    #expect(schema.index(of: "region") == 1)
    #expect(schema.index(of: "Region") == nil)
    #expect(schema.index(of: "") == nil)
    #expect(schema.variables.map(\.type) == [.number, .string, .boolean])
  }

  @Test(arguments: [
    ("", "invalid_name"), ("9lives", "invalid_name"), ("a b", "invalid_name"),
    ("sévérité", "invalid_name"), ("a\0b", "invalid_name"),
    (String(repeating: "a", count: 129), "invalid_name"),
    ("and", "reserved_name"), ("OR", "reserved_name"), ("Always", "reserved_name"),
    ("and_x", "reserved_name"), ("or_", "reserved_name"),
  ])
  func `a name that cannot be written in a condition is refused`(name: String, code: String) {
    let error = #expect(throws: HoldfastError.self) {
      try Schema([("good", .any), (name, .any)])
    }
    #expect(error?.code.description == code)
    #expect(error?.variable == name)
    #expect(error?.location == nil)
  }

  @Test func `a second declaration of a name is refused`() {
    let error = #expect(throws: HoldfastError.self) {
      try Schema([("a", .any), ("b", .any), ("a", .number)])
    }
    #expect(error?.code == .duplicateName)
    #expect(error?.description == "duplicate_name: 'a' is declared twice")
  }

  @Test func `a schema holds 4096 variables and no more`() throws {
    let names = (0...4096).map { (name: "v\($0)", type: Schema.VariableType.number) }
    let schema = try Schema(Array(names.dropLast()))
    #expect(schema.index(of: "v4095") == 4095)
    let error = #expect(throws: HoldfastError.self) { try Schema(names) }
    #expect(error?.code == .tooManyVariables)
  }

  @Test func `equality is by declarations`() throws {
    let a = try Schema(["x": .number, "y": .any])
    #expect(try a == Schema(["x": .number, "y": .any]))
    #expect(try a != Schema(["x": .any, "y": .any]))
    #expect(try a != Schema(["y": .any, "x": .number]))
    #expect(a != .classic)
  }

  @Test func `words have their place as index`() throws {
    let schema = try Schema(["x": .string], words: ["billing", "", "é", "a\0b"])
    #expect(schema.words == ["billing", "", "é", "a\0b"])
    #expect(schema.word("billing")?.index == 0)
    #expect(schema.word("")?.index == 1)
    #expect(schema.word("a\0b")?.index == 3)
    #expect(schema.word("Billing") == nil)
    #expect(schema.word("a") == nil)
    #expect(try Schema(["x": .string]).words.isEmpty)
    #expect(Schema.classic.word("billing") == nil)
  }

  @Test func `a second declaration of a word is refused`() {
    let error = #expect(throws: HoldfastError.self) {
      try Schema(["x": .string, "y": .string], words: ["a", "b", "a"])
    }
    #expect(error?.description == "duplicate_name: the word 'a' stands twice")
    #expect(error?.variable == nil)
  }

  @Test func `a schema holds 65536 words and no more`() throws {
    let words = (0...65536).map { "w\($0)" }
    let schema = try Schema(["x": .string], words: Array(words.dropLast()))
    #expect(schema.word("w65535")?.index == 65535)
    let error = #expect(throws: HoldfastError.self) { try Schema(["x": .string], words: words) }
    #expect(error?.code == .invalidArgument)
  }

  @Test func `equality is by words too`() throws {
    let a = try Schema(["x": .string], words: ["a", "b"])
    #expect(try a == Schema(["x": .string], words: ["a", "b"]))
    #expect(try a != Schema(["x": .string], words: ["b", "a"]))
    #expect(try a != Schema(["x": .string]))
  }
}
