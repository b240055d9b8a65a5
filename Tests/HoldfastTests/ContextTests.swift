import Holdfast
import Testing

@Suite struct ContextTests {
  let schema: Schema

  init() throws {
    schema = try Schema(["number": .number, "string": .string, "boolean": .boolean, "any": .any])
  }

  @Test func `a new context has no values`() throws {
    let context = try Context(schema: schema)
    for index in -1...4 {
      let value = context[index]
      #expect(value == nil)
    }
  }

  @Test func `what is set is read back`() throws {
    var context = try Context(schema: schema)
    try context.set(number: 1.5, at: 0)
    try context.set(string: "naïve", at: 1)
    try context.set(boolean: true, at: 2)
    try context.set(.container, for: "any")
    let values = [context[0], context[1], context[2], context[3]]
    #expect(values == [.number(1.5), .string("naïve"), .boolean(true), .container])
    try context.unset(at: 1)
    let unset = context[1]
    #expect(unset == nil)
    context.removeAll()
    let cleared = context[0]
    #expect(cleared == nil)
  }

  @Test(arguments: [
    Context.Value.boolean(false), .boolean(true), .number(0), .number(-0.5), .string(""),
    .string("a\0b"), .null, .container,
  ])
  func `a variable of type any gives back every value`(value: Context.Value) throws {
    var context = try Context(schema: schema)
    try context.set(value, at: 3)
    let kept = context[3]
    #expect(kept == value)
  }

  @Test func `what is empty or false is read back from its own type`() throws {
    var context = try Context(schema: schema)
    try context.set(string: "", at: 1)
    try context.set(boolean: false, at: 2)
    let values = [context[1], context[2]]
    #expect(values == [.string(""), .boolean(false)])
  }

  @Test func `an invalid value is read back as none`() throws {
    var context = try Context(schema: schema)
    try context.set(number: 1, at: 0)
    try context.setInvalid(at: 0)
    let value = context[0]
    #expect(value == nil)
  }

  @Test func `bytes are taken when they are UTF-8`() throws {
    var context = try Context(schema: schema)
    try context.set(utf8: [0x68, 0xC3, 0xA9].span, at: 1)
    let error = capture { try context.set(utf8: [0x68, 0xC3].span, at: 1) }
    #expect(error?.code == .invalidUTF8)
    #expect(error?.description == "invalid_utf8: the string for variable 'string' is not UTF-8")
    let kept = context[1]
    #expect(kept == .string("hé"))
  }

  @Test func `a declared type refuses other values and keeps its slot`() throws {
    var context = try Context(schema: schema)
    try context.set(number: 7, at: 0)
    for value: Context.Value in ["text", true, nil, .container] {
      let error = capture { try context.set(value, at: 0) }
      #expect(error?.code == .typeMismatch)
      #expect(error?.variable == "number")
    }
    let kept = context[0]
    #expect(kept == .number(7))
    let error = capture { try context.set("text", for: "number") }
    #expect(
      error?.description
        == "type_mismatch: variable 'number' is declared as number, so it cannot hold a string")
  }

  @Test(arguments: [-1, 4, Int.max, Int.min, 1 << 32])
  func `an index that no variable has is refused`(index: Int) throws {
    var context = try Context(schema: schema)
    let error = capture { try context.set(number: 1, at: index) }
    #expect(error?.code == .invalidArgument)
    let none = [context[0], context[1], context[2], context[3]]
    #expect(none.allSatisfy { $0 == nil })
  }

  @Test func `a name that is not declared is refused`() throws {
    var context = try Context(schema: schema)
    let error = capture { try context.set(1, for: "numbre") }
    #expect(error?.code == .variableNotAllowed)
    #expect(error?.variable == "numbre")
    #expect(
      error?.description == "variable_not_allowed: the schema declares no variable 'numbre'")
  }

  @Test func `a name of several lines is shown on one`() throws {
    var context = try Context(schema: schema)
    let error = capture { try context.set(1, for: "a\nb\u{1B}c\u{2028}d") }
    #expect(error?.variable == "a\nb\u{1B}c\u{2028}d")
    #expect(
      error?.description == "variable_not_allowed: the schema declares no variable 'a b c d'")
  }

  @Test func `words are set by their index or as strings`() throws {
    let schema = try Schema(["n": .number, "s": .string, "a": .any], words: ["error", "é"])
    let condition = try Condition("s == 'é' and a != 'error' and a > 'a'", schema: schema)
    let word = try #require(schema.word("é"))
    var context = try Context(schema: schema)
    try context.set(word: word, at: 1)
    try context.set(word: word, at: 2)
    let values = [context[0], context[1], context[2]]
    #expect(values == [nil, .string("é"), .string("é")])
    #expect(try condition.evaluate(context))
    try context.set(string: "error", at: 2)
    #expect(try !condition.evaluate(context))
    try context.set(utf8: "no word".utf8.span, at: 2)
    #expect(try condition.evaluate(context))
  }

  @Test func `a word is refused where none may stand, or where it is none`() throws {
    let long = try Schema(["s": .string], words: ["a", "b"])
    let last = try #require(long.word("b"))
    let schema = try Schema(["n": .number, "s": .string], words: ["a"])
    let word = try #require(schema.word("a"))
    var context = try Context(schema: schema)
    let mismatch = capture { try context.set(word: word, at: 0) }
    #expect(
      mismatch?.description
        == "type_mismatch: variable 'n' is declared as number, so it cannot hold a string")
    let foreign = capture { try context.set(word: last, at: 1) }
    #expect(foreign?.description == "invalid_argument: the schema has no word at index 1")
    #expect(foreign?.variable == "s")
    let nowhere = capture { try context.set(word: word, at: 2) }
    #expect(
      nowhere?.description
        == "invalid_argument: there is no variable at index 2; the schema declares 2")
    let none = [context[0], context[1]]
    #expect(none.allSatisfy { $0 == nil })
  }

  @Test(arguments: [
    (Context.Value.number(2), "2"), (0.1, "0.1"), (-3, "-3"), (.number(.infinity), "inf"),
    ("eu", "'eu'"), ("it's", "\"it's\""), (true, "true"), (nil, "null"),
    (.container, "a container"), (.number(1e300), "1e+300"),
  ])
  func `values describe themselves`(value: Context.Value, text: String) {
    #expect(value.description == text)
  }
}

/// The error that `body` throws. (`#expect(throws:)` cannot capture a value that is not copyable.)
func capture(_ body: () throws -> Void) -> HoldfastError? {
  do {
    try body()
    return nil
  } catch {
    return error as? HoldfastError
  }
}
