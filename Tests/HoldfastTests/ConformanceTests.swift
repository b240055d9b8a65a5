import CHoldfast
import CHoldfastInternals
import Holdfast
import Testing

@Suite struct ConformanceTests {
  @Test(arguments: ["conditions.jsonl", "suite_conditions.jsonl"])
  func `every row gets its answer`(file: String) throws {
    let rows = try Conformance.rows(file, as: Conformance.ConditionRow.self)
    var unbound = 0
    for row in rows {
      guard let expected = Conformance.expectation(of: row) else {
        unbound += 1
        continue
      }
      let actual = answer(to: row)
      switch (expected, actual) {
      case (.error(let code, nil), .error(let actualCode, _)):
        #expect(actualCode == code, "\(row.id): \(row.expr)")
      default:
        #expect(actual == expected, "\(row.id): \(row.expr)")
      }
    }
    #expect(rows.count > unbound)
    print(
      "conformance: swift \(file) \(rows.count) rows: \(rows.count - unbound) bound, \(unbound) not bound"
    )
  }

  @Test func `every row gets its answer in columns`() throws {
    var bound = 0
    let rows = try Conformance.rows("conditions.jsonl", as: Conformance.ConditionRow.self)
    for row in rows {
      guard let condition = try? Condition(row.expr), let columns = try columns(of: row, count: 9)
      else { continue }
      bound += 1
      let answers = try condition.evaluate(columns)
      let expected = answer(to: row)
      switch expected {
      case .result(let held):
        #expect(answers.counts == Columns.Counts(held: held ? 9 : 0, failed: 0), "\(row.id)")
        #expect(try condition.evaluate(columns, row: 8) == held, "\(row.id)")
      case .error(let code, let offset):
        #expect(answers.counts == Columns.Counts(held: 0, failed: 9), "\(row.id)")
        let error = capture { _ = try condition.evaluate(columns, row: 8) }
        #expect(error?.code.description == code && error?.location?.offset == offset, "\(row.id)")
      }
    }
    #expect(bound > 500)
    print(
      "conformance: swift conditions.jsonl in columns \(rows.count) rows: \(bound) bound, "
        + "\(rows.count - bound) not bound")
  }

  @Test func `every text has its tokens`() throws {
    let rows = try Conformance.rows("condition_tokens.jsonl", as: Conformance.TokenRow.self)
    for row in rows {
      let tokens = tokenize(row.expr)
      try #require(tokens.count == row.tokens.count, "\(row.id): \(row.expr)")
      for (token, expected) in zip(tokens, row.tokens) {
        #expect(name(of: token.kind) == expected.type, "\(row.id)")
        #expect(
          Int(token.offset_bytes) == Conformance.byteOffset(expected.position, in: row.expr),
          "\(row.id)")
        let source = String(
          decoding: row.expr.utf8.dropFirst(Int(token.offset_bytes)).prefix(
            Int(token.length_bytes)),
          as: UTF8.self)
        switch expected.value {
        case .number(let number): #expect(token.number == number, "\(row.id)")
        case .string(let text) where expected.type == "STRING":
          #expect(source == "'\(text)'" || source == "\"\(text)\"", "\(row.id)")
        case .string(let text): #expect(source == text, "\(row.id)")
        default: #expect(expected.type == "EOF" && source.isEmpty, "\(row.id)")
        }
      }
    }
    print(
      "conformance: swift condition_tokens.jsonl \(rows.count) rows: \(rows.count) bound, 0 not bound"
    )
  }

  /// Columns that have a row's context `count` times; `nil` where a value is none for a column.
  private func columns(of row: Conformance.ConditionRow, count: Int) throws -> Columns? {
    var columns = try Columns(count: count)
    for (name, value) in row.context where columns.schema.index(of: name) != nil {
      switch value {
      case .null, .container: return nil
      case .boolean(let boolean):
        try columns.set(Bitmap(repeatElement(boolean, count: count)), for: name)
      case .number(let number):
        try columns.set([Double](repeating: number, count: count), for: name)
      case .string(let string):
        try columns.set(
          codes: [Int32](repeating: 1, count: count), dictionary: ["", string], for: name)
      }
    }
    return columns
  }

  private func answer(to row: Conformance.ConditionRow) -> Conformance.Expectation {
    let values = row.context.mapValues { value -> Context.Value in
      switch value {
      case .null: .null
      case .boolean(let boolean): .boolean(boolean)
      case .number(let number): .number(number)
      case .string(let string): .string(string)
      case .container: .container
      }
    }
    do throws(HoldfastError) {
      return .result(try Condition(row.expr).evaluate(values))
    } catch {
      return .error(code: error.code.description, byteOffset: error.location?.offset)
    }
  }

  /// Tokens with the limit raised.
  private func tokenize(_ text: String) -> [hf__token] {
    var tokens = [hf__token](repeating: hf__token(), count: text.utf8.count + 1)
    var count: UInt32 = 0
    let bytes = text.utf8.map { CChar(bitPattern: $0) }
    let status = unsafe hf__tokenize(
      hf_schema_classic(), bytes, bytes.count, UInt32(tokens.count), &tokens, &count, nil)
    return status == HF_OK ? Array(tokens.prefix(Int(count))) : []
  }

  private func name(of kind: hf__token_kind) -> String {
    switch kind {
    case HF__TOKEN_NUMBER: "NUMBER"
    case HF__TOKEN_STRING: "STRING"
    case HF__TOKEN_VARIABLE: "VARIABLE"
    case HF__TOKEN_OPERATOR: "OPERATOR"
    case HF__TOKEN_AND, HF__TOKEN_OR: "LOGICAL"
    case HF__TOKEN_LPAREN: "LPAREN"
    case HF__TOKEN_RPAREN: "RPAREN"
    default: "EOF"
    }
  }
}
