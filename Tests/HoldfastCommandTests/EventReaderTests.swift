import CEventReader
import Foundation
import Testing

/// The reader of events by itself: what does not depend on files and processes.
@Suite struct EventReaderTests {
  private struct OutOfMemory: Error {}

  private static let columns: [(name: String, type: er_type)] = [
    ("a", ER_TYPE_NUMBER), ("s", ER_TYPE_STRING), ("x", ER_TYPE_ANY), ("b", ER_TYPE_BOOLEAN),
  ]

  /// Reads a text that comes in pieces of at most `step` bytes.
  ///
  /// - Returns: what came of it, one line an event.
  private func read(
    _ text: [UInt8], as format: er_format, step: Int, longest: Int = 4096
  ) throws -> [String] {
    let names = Self.columns.map(\.name).joined().utf8.map { CChar(bitPattern: $0) }
    let made = unsafe names.withUnsafeBufferPointer { names in
      let columns = unsafe Self.columns.enumerated().map { index, column in
        unsafe er_column(
          name: names.baseAddress?.advanced(by: index), name_length: 1, type: column.type,
          optional: false)
      }
      return unsafe er_create(format, columns, columns.count, longest)
    }
    guard let reader = unsafe made else { throw OutOfMemory() }
    defer { unsafe er_destroy(reader) }
    var rest = text[...]
    var events: [String] = []
    while true {
      switch unsafe er_next(reader) {
      case ER_EVENT:
        let values = (0..<Self.columns.count).map { unsafe describe(er_values(reader)[$0]) }
        events.append("\(unsafe er_line(reader)): \(values.joined(separator: " "))")
      case ER_MALFORMED:
        let fault = unsafe String(cString: er_fault_description(er_event_fault(reader)))
        events.append("\(unsafe er_line(reader)): \(fault)")
      case ER_NEEDS_INPUT:
        var capacity = 0
        guard let room = unsafe er_block(reader, &capacity) else { throw OutOfMemory() }
        let piece = rest.prefix(min(step, capacity))
        rest = rest.dropFirst(piece.count)
        if piece.isEmpty {
          unsafe er_finish(reader)
        } else {
          unsafe piece.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { unsafe memcpy(room, start, bytes.count) }
          }
          unsafe er_supply(reader, piece.count)
        }
      case ER_END: return events
      default:
        events.append("no end")
        return events
      }
    }
  }

  private func describe(_ value: er_value) -> String {
    let mark = unsafe value.mistyped ? "!" : ""
    switch unsafe value.kind {
    case ER_MISSING: return "-"
    case ER_NULL: return "null" + mark
    case ER_BOOLEAN: return (unsafe value.number == 1 ? "true" : "false") + mark
    case ER_NUMBER: return "\(unsafe value.number)" + mark
    default:
      let bytes = unsafe UnsafeRawBufferPointer(start: value.text, count: value.text_length)
      return unsafe "<\(String(decoding: bytes, as: UTF8.self))>" + mark
    }
  }

  @Test func `JSON Lines may come in pieces of any size`() throws {
    let text = Array(
      """
      \u{FEFF}{"a":1,"s":"é\\n","x":[1,{"y":"}"}],"b":true}\r

      {"s":"two","a":2}
      {"a":12345678901234567890123,"x":{"k":null}}
      nope
        {"b":"true","a":null,"x":null}
      \(String(repeating: "z", count: 150))
      {"x":-0.5e-3}
      """.utf8)
    let expected = [
      "1: 1.0 <é\n> <[1,{\"y\":\"}\"}]> true", "3: 2.0 <two> - -",
      "4: 1.2345678901234568e+22 - <{\"k\":null}> -", "5: not valid JSON",
      "6: null! - null <true>!", "7: too long", "8: - - -0.0005 -",
    ]
    for step in 1...text.count {
      #expect(try read(text, as: ER_JSON_LINES, step: step, longest: 120) == expected, "\(step)")
    }
  }

  @Test func `CSV may come in pieces of any size`() throws {
    let text = Array(
      """
      \u{FEFF}s,a,other,"x",b\r
      plain,1,,true,1\r
      "q""uo""te","2.5","a\nb\r\nc",é,FALSE\r
      \r

      ,, ,,
      x,1
      bad"quote,1,2,3,4
      "late"r,1,2,3,4
      \(String(repeating: "z", count: 150))
      "a",+3,"", 4 ,true
      "\(String(repeating: "\"\"\n", count: 60))",1
      end,-1e2,x,.5,0
      shut,1,2,"3,4
      open,1,2,"3,4
      last,7,8,9,0
      """.utf8)
    let cells = "another number of cells than the header"
    let quote = "a quote inside a cell that is not quoted, or text after a closing quote"
    var expected = [
      "2: 1.0 <plain> true true", "3: 2.5 <q\"uo\"te> <é> <FALSE>!", "8: - - - -",
      "9: \(cells)", "10: \(quote)", "11: \(quote)", "12: too long", "13: 3.0 <a> 4.0 true",
      "14: too long",
    ]
    // Of a quoted row that is too long only the first line is skipped: the rest reads as rows of a
    // cell each, and the quote that would have closed it opens another.
    expected += (15...73).map { "\($0): \(cells)" }
    expected += ["74: \(quote)", "77: a quoted cell is not closed", "78: 7.0 <last> 9.0 false"]
    for step in 1...text.count {
      #expect(try read(text, as: ER_CSV, step: step, longest: 120) == expected, "\(step)")
    }
  }

  @Test func `a row that fills the scanner's window in any way is read the same`() throws {
    // The scan looks at 64 bytes at once: every alignment of a short row, and cells of every length.
    for length in 0...200 {
      let cell = String(repeating: "c", count: length)
      let text = Array("a,s\n1,\(cell)\n\"2\",\"\(cell)\"\n\n3,x\n".utf8)
      let shown = length == 0 ? "-" : "<\(cell)>"
      #expect(
        try read(text, as: ER_CSV, step: 64)
          == ["2: 1.0 \(shown) - -", "3: 2.0 \(shown) - -", "5: 3.0 <x> - -"], "\(length)")
    }
  }

  @Test func `bytes of any value lead to no other end than the end`() throws {
    var generator = SplitMix64(state: 1)
    let alphabet = Array("{}[]\",:\\\n\r atruefalsnu01.-e\u{FF}é".utf8)
    for round in 0..<3000 {
      let text = (0..<Int(generator.next() % 200)).map { _ in
        alphabet[Int(generator.next() % UInt64(alphabet.count))]
      }
      for format in [ER_JSON_LINES, ER_CSV] {
        let whole = try read(text, as: format, step: 1000, longest: 64)
        let pieces = try read(text, as: format, step: 1 + round % 7, longest: 64)
        #expect(whole == pieces, "\(String(decoding: text, as: UTF8.self))")
      }
    }
  }

  @Test func `how a CSV row that is too long is skipped does not depend on the pieces`() throws {
    // What stands behind the last byte that a row may have decides: a quote begins a cell, and then
    // only the row's first line is skipped.
    let text = Array("a,s\n\"\r,\n\r\",\"".utf8)
    let whole = try read(text, as: ER_CSV, step: 1000, longest: 6)
    for step in 1...text.count {
      #expect(try read(text, as: ER_CSV, step: step, longest: 6) == whole, "\(step)")
    }

    var generator = SplitMix64(state: 3)
    let alphabet = Array("a,,\"\"\n\r".utf8)
    for round in 0..<3000 {
      let rows = (0..<Int(generator.next() % 60)).map { _ in
        alphabet[Int(generator.next() % UInt64(alphabet.count))]
      }
      let text = Array("a,s\n".utf8) + rows
      let longest = 4 + round % 5
      let whole = try read(text, as: ER_CSV, step: 1000, longest: longest)
      let pieces = try read(text, as: ER_CSV, step: 1 + round % 3, longest: longest)
      #expect(whole == pieces, "\(longest): \(String(decoding: text, as: UTF8.self))")
    }
  }

  @Test func `an event may be as long as the limit, and no longer`() throws {
    for step in [1, 3, 1000] {
      let lines = Array("{\"a\":12}\n{\"a\":123}\n{\"a\":45}".utf8)
      #expect(
        try read(lines, as: ER_JSON_LINES, step: step, longest: 8)
          == ["1: 12.0 - - -", "2: too long", "3: 45.0 - - -"])
      // A row to its line end, to its end without one, and to a comma at the limit.
      let rows = Array("a,s\n1,345678\n1,3456789\n2345678,\n23456789,\n1,345678".utf8)
      #expect(
        try read(rows, as: ER_CSV, step: step, longest: 8)
          == [
            "2: 1.0 <345678> - -", "3: too long", "4: 2345678.0 - - -", "5: too long",
            "6: 1.0 <345678> - -",
          ])
      // A closing quote counts by where it stands.
      let quoted = Array("a,s\n1,\"45678\"\n1,\"456789\"\n2,x\n".utf8)
      #expect(
        try read(quoted, as: ER_CSV, step: step, longest: 8)
          == ["2: 1.0 <45678> - -", "3: too long", "4: 2.0 <x> - -"])
    }
  }

  @Test func `a quote inside a string does not end it before a long integer`() throws {
    let text = Array(
      #"""
      {"s":"\"123","a":12345678901234567890123}
      {"s":"\\","a":12345678901234567890123}
      {"s":"\"1234567890123456789012\"","a":12345678901234567890123}
      """#.utf8)
    #expect(
      try read(text, as: ER_JSON_LINES, step: 1000)
        == [
          "1: 1.2345678901234568e+22 <\"123> - -", "2: 1.2345678901234568e+22 <\\> - -",
          "3: 1.2345678901234568e+22 <\"1234567890123456789012\"> - -",
        ])
  }

  @Test(arguments: [
    ("0", 0.0), ("-0", -0.0), ("1", 1), ("+1", 1), ("-1.5", -1.5), ("007", 7), (".5", 0.5),
    ("5.", 5), ("1e3", 1000), ("1E-3", 0.001), ("9007199254740993", 9_007_199_254_740_992),
    ("0.1", 0.1), ("123456789012345", 123_456_789_012_345),
    ("2.2250738585072014e-308", .leastNormalMagnitude),
    ("1e-400", 0), ("5e-324", .leastNonzeroMagnitude),
    ("1.7976931348623157e308", .greatestFiniteMagnitude),
    ("0.000000000000001", 1e-15), ("999999999999999.9", 999_999_999_999_999.9),
  ])
  func `a decimal text is the nearest double`(text: String, expected: Double) {
    var number = 0.0
    let isNumber = unsafe er_parse_number(text, text.utf8.count, &number)
    #expect(isNumber)
    #expect(number.bitPattern == expected.bitPattern)
  }

  @Test(arguments: [
    "", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "--1", "+-1", "-+1", "0x10", "inf", "nan",
    "1e400",
    "-1e400", "1 ", " 1", "1,5", "١",
  ])
  func `anything else is no number`(text: String) {
    var number = 7.0
    let isNumber = unsafe er_parse_number(text, text.utf8.count, &number)
    #expect(!isNumber)
    #expect(number == 7)
  }

  @Test func `short decimals are read like long ones`() throws {
    // Cells go by a short cut that the other way of reading must agree with.
    var generator = SplitMix64(state: 2)
    var rows = ["a"]
    var expected: [String] = []
    for row in 0..<2000 {
      let digits = String(generator.next() % 1_000_000_000_000_000_000)
        .suffix(1 + Int(generator.next() % 18))
      let point = Int(generator.next() % UInt64(digits.count + 1))
      let text =
        (generator.next() % 2 == 0 ? "-" : "") + digits.prefix(point) + "."
        + digits.dropFirst(point)
      rows.append(text)
      expected.append("\(row + 2): \(try #require(Double("\(text)0"))) - - -")
    }
    #expect(try read(Array(rows.joined(separator: "\n").utf8), as: ER_CSV, step: 4096) == expected)
  }

  @Test(arguments: [
    (0, "0"), (-0.0, "-0"), (1, "1"), (-17, "-17"), (0.1, "0.1"), (100_000, "100000"),
    (1e15, "1000000000000000"), (9_007_199_254_740_991, "9007199254740991"),
    (1e22, "1e+22"), (1e-7, "1e-07"), (123456.789, "123456.789"),
    (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (.leastNonzeroMagnitude, "5e-324"),
    (.infinity, "null"), (.nan, "null"),
  ])
  func `a number is written in its shortest form`(number: Double, expected: String) {
    var room = [CChar](repeating: 0, count: Int(ER_NUMBER_BYTES))
    let length = unsafe er_format_number(number, &room)
    #expect(
      String(decoding: room.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self) == expected
    )
  }
}

/// Random numbers that are the same each time (Steele, Lea and Flood, 2014).
private struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
