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
}
