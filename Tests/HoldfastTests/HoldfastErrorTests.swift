import Holdfast
import Testing

@Suite struct HoldfastErrorTests {
  @Test(arguments: [
    (HoldfastError.Code.invalidArgument, -1, "invalid_argument"),
    (.outOfMemory, -2, "out_of_memory"),
    (.invalidName, -10, "invalid_name"),
    (.reservedName, -11, "reserved_name"),
    (.duplicateName, -12, "duplicate_name"),
    (.tooManyVariables, -13, "too_many_variables"),
    (.invalidUTF8, -20, "invalid_utf8"),
    (.textTooLong, -21, "text_too_long"),
    (.tooComplex, -22, "too_complex"),
    (.unexpectedCharacter, -23, "unexpected_character"),
    (.unterminatedString, -24, "unterminated_string"),
    (.invalidOperator, -25, "invalid_operator"),
    (.badNumber, -26, "bad_number"),
    (.variableNotAllowed, -27, "variable_not_allowed"),
    (.expectedValue, -28, "expected_value"),
    (.expectedOperator, -29, "expected_operator"),
    (.expectedRightParenthesis, -30, "expected_rparen"),
    (.unexpectedToken, -31, "unexpected_token"),
    (.missingVariable, -40, "missing_variable"),
    (.typeMismatch, -41, "type_mismatch"),
    (.schemaMismatch, -42, "schema_mismatch"),
    (.badImage, -50, "bad_image"),
    (.circuitOpen, -60, "circuit_open"),
    (.registryFull, -61, "registry_full"),
    (.timedOut, -62, "timed_out"),
    (.rateLimited, -63, "rate_limited"),
    (.bulkheadFull, -64, "bulkhead_full"),
    (.retriesExhausted, -65, "retries_exhausted"),
    (.init(rawValue: -9999), -9999, "unknown"),
  ])
  func `a code has its frozen value and its name`(
    code: HoldfastError.Code, value: Int32, name: String
  ) {
    #expect(code.rawValue == value)
    #expect(code.description == name)
  }

  @Test func `a long message is shown whole`() throws {
    let names = "abcdef".map { String(repeating: $0, count: 24) }
    let schema = try Schema(names.map { (name: $0, type: .any) })
    let unknown = String(repeating: "z", count: 40)
    let error = #expect(throws: HoldfastError.self) {
      try Condition("\(unknown) > 1", schema: schema)
    }
    let message = "unknown variable '\(unknown)'; declared: " + names.joined(separator: ", ")
    #expect(message.utf8.count > 200)
    #expect(error?.message == message)
    #expect(
      error?.description == """
        variable_not_allowed: \(message)
          1 | \(unknown) > 1
            | ^\(String(repeating: "~", count: 39))
        """)
  }

  @Test func `a message that was cut is shown to its last character`() throws {
    let names = (0..<40).map { "variable_number_\($0)" }
    let schema = try Schema(names.map { (name: $0, type: .any) })
    let error = try #require(throws: HoldfastError.self) {
      try Condition("zzz > 1", schema: schema)
    }
    #expect(error.message.hasSuffix(", ..."))
    #expect(error.description.hasPrefix("variable_not_allowed: \(error.message)\n"))
  }

  @Test func `a context of another schema has no place in the text`() throws {
    let condition = try Condition("severity > 1")
    let context = try Context(schema: Schema(["load": .number]))
    let errors = [
      capture { _ = try condition.evaluate(context) },
      capture { _ = try condition.explain(context) },
    ]
    for error in errors {
      #expect(error?.code == .schemaMismatch)
      #expect(error?.location == nil)
      #expect(error?.variable == nil)
      #expect(
        error?.description
          == "schema_mismatch: the context was made for another schema than the condition")
    }
  }

  @Test func `an argument out of range has no place in a text`() throws {
    let limit = #expect(throws: HoldfastError.self) {
      try Condition("severity > 1", limits: .init(maxTokens: 1))
    }
    #expect(limit?.code == .invalidArgument)
    #expect(limit?.location == nil)
    #expect(limit?.description == "invalid_argument: the token limit is 1; it may be 2 to 1048576")
    var context = try Context()
    let index = capture { try context.set(number: 1, at: 5) }
    #expect(index?.code == .invalidArgument)
    #expect(index?.location == nil)
    #expect(index?.variable == nil)
    #expect(
      index?.description
        == "invalid_argument: there is no variable at index 5; the schema declares 5")
  }
}
