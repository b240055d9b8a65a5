import CEventReader

/// A JSON value that knows where it stands in its text.
struct JSONValue {
  enum Content {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])
  }

  let content: Content
  /// In bytes of the text; of a string with its quotes.
  let range: Range<Int>

  /// What it is, as a message says it.
  var kindName: String {
    switch content {
    case .null: "null"
    case .boolean: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// A key of an object with its value.
struct JSONMember {
  let key: String
  /// In bytes of the text, with its quotes.
  let keyRange: Range<Int>
  let value: JSONValue
}

extension [JSONMember] {
  /// The value of a key; of the last one where it is there several times.
  subscript(key: String) -> JSONValue? { last { $0.key == key }?.value }
}

/// Why a text is not JSON.
struct JSONFault: Error {
  /// In bytes of the text.
  let offset: Int
  let length: Int
  let message: String
}

/// Reads JSON (RFC 8259) for what people write: policies, schemas, rows of conditions. It is
/// there beside simdjson because a message about a policy needs the place of everything, which a
/// parser made for speed does not keep.
struct JSONDocument {
  private let bytes: [UInt8]
  private var position = 0

  private static let deepestNesting = 64

  /// Reads a whole text.
  static func parse(_ bytes: [UInt8]) throws(JSONFault) -> JSONValue {
    var document = JSONDocument(bytes: bytes)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { document.position = 3 }
    document.skipSpace()
    let value = try document.value(depth: 0)
    document.skipSpace()
    if document.position < bytes.count {
      throw document.fault("expected the end of the text, found \(document.found)")
    }
    return value
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func fault(_ message: String, at offset: Int? = nil, length: Int = 1) -> JSONFault {
    let offset = offset ?? position
    return JSONFault(offset: offset, length: min(length, bytes.count - offset), message: message)
  }

  /// What stands at the current place, as a message says it.
  private var found: String {
    guard let byte = current else { return "the end of the text" }
    switch byte {
    case 0x21..<0x7F: return "'\(Character(Unicode.Scalar(byte)))'"
    case 0x80...:
      return "a character that is not ASCII"
    default: return "control character \(byte)"
    }
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    if current != byte { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
    let start = position
    let content: JSONValue.Content
    switch current ?? 0 {
    case UInt8(ascii: "{"):
      content = .object(try members(depth: depth))
    case UInt8(ascii: "["):
      content = .array(try elements(depth: depth))
    case UInt8(ascii: "\""):
      content = .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      content = .number(try number())
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
      content = try word()
    default:
      throw fault("expected a value, found \(found)")
    }
    return JSONValue(content: content, range: start..<position)
  }

  private mutating func word() throws(JSONFault) -> JSONValue.Content {
    let start = position
    while let byte = current, (byte | 0x20) >= UInt8(ascii: "a"), (byte | 0x20) <= UInt8(ascii: "z")
    {
      position += 1
    }
    switch String(decoding: bytes[start..<position], as: UTF8.self) {
    case "null": return .null
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case let other:
      throw fault(
        "expected a value, found '\(other.prefix(32))'; text stands in double quotes", at: start,
        length: position - start)
    }
  }

  private func checkDepth(_ depth: Int) throws(JSONFault) {
    if depth == Self.deepestNesting {
      throw fault("nested deeper than \(Self.deepestNesting) levels")
    }
  }

  private mutating func members(depth: Int) throws(JSONFault) -> [JSONMember] {
    try checkDepth(depth)
    var members: [JSONMember] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return members }
    while true {
      guard current == UInt8(ascii: "\"") else {
        throw fault("expected a key in double quotes, found \(found)")
      }
      let start = position
      let key = try string()
      let keyRange = start..<position
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw fault("expected ':' after a key, found \(found)") }
      skipSpace()
      members.append(
        JSONMember(key: key, keyRange: keyRange, value: try value(depth: depth + 1)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return members }
      guard take(UInt8(ascii: ",")) else { throw fault("expected ',' or '}', found \(found)") }
      skipSpace()
    }
  }

  private mutating func elements(depth: Int) throws(JSONFault) -> [JSONValue] {
    try checkDepth(depth)
    var elements: [JSONValue] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return elements }
      guard take(UInt8(ascii: ",")) else { throw fault("expected ',' or ']', found \(found)") }
      skipSpace()
    }
  }

  private mutating func digits() -> Int {
    let start = position
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
    return position - start
  }

  private mutating func number() throws(JSONFault) -> Double {
    let start = position
    _ = take(UInt8(ascii: "-"))
    let firstDigit = current
    let integerDigits = digits()
    if integerDigits == 0 { throw fault("expected a digit, found \(found)") }
    if firstDigit == UInt8(ascii: "0"), integerDigits > 1 {
      throw fault("a number begins with 0", at: start, length: position - start)
    }
    if take(UInt8(ascii: ".")), digits() == 0 {
      throw fault("expected a digit after the point, found \(found)")
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
      if digits() == 0 { throw fault("expected a digit of the exponent, found \(found)") }
    }
    guard let number = NumberText.parse(bytes[start..<position]) else {
      throw fault(
        "a number beyond the range of a double", at: start, length: position - start)
    }
    return number
  }

  private mutating func string() throws(JSONFault) -> String {
    let start = position
    position += 1
    let first = position
    while let byte = current, byte != 0x22, byte != 0x5C, byte >= 0x20 { position += 1 }
    if current == 0x22 {
      position += 1
      return try text(bytes[first..<(position - 1)], from: first)
    }
    var decoded = Array(bytes[first..<position])
    while let byte = current {
      switch byte {
      case 0x22:
        position += 1
        return try text(decoded[...], from: first)
      case 0x5C:
        try escape(into: &decoded)
      case 0..<0x20:
        throw fault("control character \(byte) in a string; write it as an escape")
      default:
        decoded.append(byte)
        position += 1
      }
    }
    throw fault("a string is not closed", at: start, length: 1)
  }

  /// The text of a string that stands from `first` to the closing quote, which was just passed.
  private func text(_ decoded: ArraySlice<UInt8>, from first: Int) throws(JSONFault) -> String {
    if let text = String(validating: decoded, as: UTF8.self) { return text }
    // Escapes are ASCII, and what they stand for is whole: what is wrong is wrong as it stands.
    let raw = bytes[first..<(position - 1)]
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: raw.span)
    } catch {
      throw fault(
        "a string is not UTF-8", at: first + error.byteOffsets.lowerBound,
        length: error.byteOffsets.count)
    }
    throw fault("a string is not UTF-8", at: first)
  }

  private mutating func escape(into decoded: inout [UInt8]) throws(JSONFault) {
    let start = position
    position += 1
    let letter = current
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
      decoded.append(letter ?? 0)
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"):
      guard let scalar = unicodeEscape() else {
        throw fault("a \\u escape that is no character", at: start, length: 6)
      }
      decoded.append(contentsOf: String(scalar).utf8)
    default:
      throw fault("an escape that JSON does not have", at: start, length: 2)
    }
  }

  /// After `\u`: four digits, and the other half of a surrogate pair.
  private mutating func unicodeEscape() -> Unicode.Scalar? {
    guard let first = hexadecimal() else { return nil }
    guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
    guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let second = hexadecimal(),
      (0xDC00..<0xE000).contains(second)
    else { return nil }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private mutating func hexadecimal() -> UInt32? {
    var number: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
        byte < 0x80
      else { return nil }
      number = number << 4 | UInt32(digit)
      position += 1
    }
    return number
  }
}

/// Decimal text, read the same way wherever it comes from.
enum NumberText {
  /// - Returns: `nil` when it is not wholly one number, or beyond the range of a double.
  static func parse(_ bytes: ArraySlice<UInt8>) -> Double? {
    var number = 0.0
    let isNumber = unsafe bytes.withUnsafeBytes { buffer in
      unsafe er_parse_number(
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count, &number)
    }
    return isNumber ? number : nil
  }
}
