import Foundation
import Testing

@Suite struct EvalRowsTests {
  private func rows(_ input: String, _ arguments: String...) throws -> HoldfastProgram.Outcome {
    try HoldfastProgram.run(["eval", "--jsonl"] + arguments, input: input)
  }

  @Test func `rows are answered in order, ids as they came`() throws {
    let outcome = try rows(
      """
      {"id":1,"expr":"severity > 0.5","context":{"severity":0.7}}
      {"id":"b","expr":"severity > 0.5","context":{"severity":0.2,"other":1}}
      {"id":[1, {"x":null}],"expr":"always"}
      {"expr":"always","context":{}}
      {"id":1e400,"expr":"always"}
      {"id":2.50,"expr":"always","tag":"ignored"}

      """)
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(
      outcome.outputLines[..<4] == [
        #"{"id":1,"result":true}"#, #"{"id":"b","result":false}"#,
        #"{"id":[1, {"x":null}],"result":true}"#, #"{"id":null,"result":true}"#,
      ])
    #expect(outcome.outputLines[4].contains(#""code":"invalid_json""#))
    #expect(outcome.outputLines[5...] == [#"{"id":2.50,"result":true}"#])
  }

  @Test func `a line that is not JSON is answered, and the rest too`() throws {
    let outcome = try rows("{\"id\":1,\n\n  \nnope\n{\"id\":2,\"expr\":\"always\"}")
    #expect(outcome.status == 0)
    #expect(outcome.outputLines.count == 3)
    #expect(
      outcome.outputLines[0]
        == #"{"id":null,"error":{"code":"invalid_json","offset":8,"length":0,"#
        + #""message":"expected a key in double quotes, found the end of the text"}}"#)
    #expect(
      outcome.outputLines[1].hasPrefix(#"{"id":null,"error":{"code":"invalid_json","offset":0"#))
    #expect(outcome.outputLines[2] == #"{"id":2,"result":true}"#)
  }

  @Test(arguments: [
    (#"{"expr":"sévérité > 1"}"#, "variable_not_allowed", 0, 1),
    (#"{"expr":"严重 > 1"}"#, "unexpected_character", 0, 3),
    (#"{"expr":"severity == 'é' and step"}"#, "expected_operator", 25, 0),
    (
      #"{"expr":"severity == 'é' and step > 1","context":{"severity":1}}"#, "missing_variable", 21,
      4
    ),
    (
      #"{"expr":"severity != 'é' and step > 'é'","context":{"severity":1,"step":2}}"#,
      "type_mismatch", 21, 11
    ),
    (#"{"expr":"severity > 'x","context":{}}"#, "unterminated_string", 11, 2),
    (#"{"expr":"severity = 1"}"#, "invalid_operator", 9, 1),
    (#"{"expr":""}"#, "expected_value", 0, 0),
    (#"{"expr":"(severity > 1"}"#, "expected_rparen", 13, 0),
    (#"{"expr":"severity > 1 )"}"#, "unexpected_token", 13, 1),
  ])
  func `an error has a code and a place in bytes`(
    row: String, code: String, offset: Int, length: Int
  ) throws {
    let outcome = try rows(row + "\n")
    let answer = try decodedRow(outcome.output)
    let error = try #require(answer["error"] as? [String: Any], "\(outcome.output)")
    #expect(error["code"] as? String == code)
    #expect(error["offset"] as? Int == offset)
    #expect(error["length"] as? Int == length)
    #expect((error["message"] as? String)?.isEmpty == false)
  }

  @Test(arguments: [
    "[1]", "{\"id\":7}", "{\"id\":7,\"expr\":5}", "{\"id\":7,\"expr\":\"always\",\"context\":[]}",
  ])
  func `a row of another shape is an invalid row`(row: String) throws {
    let outcome = try rows(row + "\n")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains(#""code":"invalid_row""#))
    #expect(outcome.output.hasPrefix(row.hasPrefix("{") ? #"{"id":7,"# : #"{"id":null,"#))
  }

  @Test func `values bring their types where the schema leaves them open`() throws {
    let outcome = try rows(
      """
      {"id":1,"expr":"severity == 1","context":{"severity":true}}
      {"id":2,"expr":"severity == 'a\\"b'","context":{"severity":"a\\"b"}}
      {"id":3,"expr":"severity == 1","context":{"severity":null}}
      {"id":4,"expr":"severity == 1","context":{"severity":[1]}}
      {"id":5,"expr":"severity > 1","context":{"severity":{}}}
      {"id":6,"expr":"severity == 'é'","context":{"severity":"\\u00e9"}}
      {"id":7,"expr":"severity == 2","context":{"severity":1,"severity":2}}
      {"id":8,"expr":"severity == 2","context":{"severity":123456789012345678901234567890}}

      """)
    let results = try outcome.outputLines.map { try decodedRow($0) }
    #expect(results.count == 8)
    #expect(
      results.map { $0["result"] as? Bool }
        == [true, true, false, false, nil, true, true, false])
    #expect(outcome.outputLines[4].contains("type_mismatch"))
  }

  @Test func `a value of another type than declared fails the comparison that needs it`() throws {
    let folder = try TemporaryFolder()
    let schema = try folder.write(
      #"{"variables":{"cpu":"number","region":"string","n":"number"}}"#, to: "schema.json")
    let outcome = try rows(
      """
      {"id":1,"expr":"n == 1 and cpu > 5","context":{"cpu":"6","n":1}}
      {"id":2,"expr":"n == 1","context":{"cpu":"6","n":1}}
      {"id":3,"expr":"cpu > 5","context":{"cpu":null}}
      {"id":4,"expr":"cpu > 5","context":{"cpu":5.5}}

      """, "--schema", schema)
    #expect(outcome.outputLines[0].contains(#""code":"type_mismatch","offset":11,"length":7"#))
    #expect(outcome.outputLines[1] == #"{"id":2,"result":true}"#)
    #expect(outcome.outputLines[2].contains(#""code":"type_mismatch","offset":0,"length":7"#))
    #expect(outcome.outputLines[3] == #"{"id":4,"result":true}"#)
  }

  @Test func `values of one row do not reach the next`() throws {
    let outcome = try rows(
      """
      {"id":1,"expr":"severity > 1","context":{"severity":2}}
      {"id":2,"expr":"severity > 1"}

      """)
    #expect(outcome.outputLines[1].contains("missing_variable"))
  }

  @Test func `a byte order mark, CRLF and a last line without an end are taken`() throws {
    let outcome = try rows(
      "\u{FEFF}{\"id\":1,\"expr\":\"always\"}\r\n\r\n{\"id\":2,\"expr\":\"always\"}")
    #expect(outcome.output == "{\"id\":1,\"result\":true}\n{\"id\":2,\"result\":true}\n")
  }

  @Test func `text that is too long, and a line that is, are answered`() throws {
    let text = String(repeating: " ", count: 65_537)
    let line = String(repeating: "x", count: 5_000_000)
    let outcome = try rows(
      "{\"id\":1,\"expr\":\"\(text)\"}\n{\"id\":2,\"expr\":\"\(line)\"}\n{\"id\":3,\"expr\":\"always\"}\n"
    )
    #expect(outcome.outputLines.count == 3)
    #expect(outcome.outputLines[0].contains("text_too_long"))
    #expect(outcome.outputLines[1].contains("invalid_json"))
    #expect(outcome.outputLines[2] == #"{"id":3,"result":true}"#)
  }

  @Test func `a line may be as long as the limit, and no longer`() throws {
    func line(_ id: Int, bytes: Int) -> String {
      let start = "{\"id\":\(id),\"expr\":\"always\""
      return start + String(repeating: " ", count: bytes - start.utf8.count - 1) + "}\n"
    }
    // The line end of the second comes in the same block as its last byte, that of the last never.
    let longest = 4 * 1024 * 1024
    let outcome = try rows(
      line(1, bytes: longest) + line(2, bytes: longest + 1) + line(3, bytes: 40)
        + line(4, bytes: longest).dropLast())
    #expect(outcome.outputLines.count == 4)
    #expect(outcome.outputLines[0] == #"{"id":1,"result":true}"#)
    #expect(outcome.outputLines[1].contains("a line is longer than 4194304 bytes"))
    #expect(outcome.outputLines[2...] == [#"{"id":3,"result":true}"#, #"{"id":4,"result":true}"#])

    let first = try rows(line(1, bytes: longest + 1) + line(2, bytes: 40))
    #expect(first.outputLines.count == 2)
    #expect(first.outputLines[0].contains("a line is longer than"))
    #expect(first.outputLines[1] == #"{"id":2,"result":true}"#)
  }

  @Test func `bytes that are not UTF-8 and broken escapes are not JSON`() throws {
    var input = Data("{\"id\":1,\"expr\":\"severity == '".utf8)
    input += [0xFF]
    input += Data(
      "'\"}\n{\"expr\":\"\\ud800\"}\n{\"expr\":\"\\x\"}\n{\"expr\":\"a\tb\"}\n[01]\n".utf8)
    let outcome = try HoldfastProgram.run(["eval", "--jsonl"], input: input)
    #expect(outcome.outputLines.count == 5)
    #expect(outcome.outputLines.allSatisfy { $0.contains("invalid_json") })
  }

  @Test func `nesting without end is refused, not followed`() throws {
    let outcome = try rows(String(repeating: "[", count: 1_000_000) + "\n")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("nested deeper than"))
  }

  @Test(.timeLimit(.minutes(1)))
  func `whoever writes row by row is answered row by row`() throws {
    let program = try HoldfastProgram.start(["eval", "--jsonl"])
    for id in 1...3 {
      try program.write("{\"id\":\(id),\"expr\":\"always\"}\n")
      #expect(try program.line() == "{\"id\":\(id),\"result\":true}")
    }
    try program.closeInput()
    #expect(try program.finish().status == 0)
  }

  @Test func `a condition beside the rows is one too many`() throws {
    let outcome = try rows("", "always")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("'always' is one too many"))
  }
}
