import Foundation

/// The rows of `Tests/conformance`, which the C tests read too.
enum Conformance {
  /// A value of a row's context, or of a token.
  enum JSON: Decodable {
    case null, boolean(Bool), number(Double), string(String), container

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .null
      } else if let boolean = try? value.decode(Bool.self) {
        self = .boolean(boolean)
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let string = try? value.decode(String.self) {
        self = .string(string)
      } else {
        self = .container
      }
    }
  }

  struct Recommended: Decodable {
    let result: Bool?
    let error: String?
    let parseError: String?
    let offset: Int?

    enum CodingKeys: String, CodingKey {
      case result, error, offset
      case parseError = "parse_error"
    }
  }

  /// A row of `conditions` or `suite_conditions`.
  struct ConditionRow: Decodable {
    let id: String
    let expr: String
    let context: [String: JSON]
    let result: Bool?
    let error: String?
    let offset: Int?
    let recommended: Recommended?
    let tag: String?
  }

  /// A row of `condition_tokens`: each token is its type, its value and its place in code points.
  struct TokenRow: Decodable {
    struct Token: Decodable {
      let type: String
      let value: JSON
      let position: Int

      init(from decoder: any Decoder) throws {
        var fields = try decoder.unkeyedContainer()
        type = try fields.decode(String.self)
        value = try fields.decode(JSON.self)
        position = try fields.decode(Int.self)
      }
    }

    let id: String
    let expr: String
    let tokens: [Token]
  }

  /// A row of `circuit_breaker`.
  struct BreakerRow: Decodable {
    struct Operation: Decodable {
      let op: String
      let s: Double?
      let outcome: String?
      let fallback: Bool?
      let returned: String?
      let state: String?
      let failuresTotal: Int?
      let successesTotal: Int?
      let tripsTotal: Int?
      let consecutiveFailures: Int?
      let consecutiveSuccesses: Int?

      enum CodingKeys: String, CodingKey {
        case op, s, outcome, fallback, returned, state
        case failuresTotal = "failures_total"
        case successesTotal = "successes_total"
        case tripsTotal = "trips_total"
        case consecutiveFailures = "consecutive_failures"
        case consecutiveSuccesses = "consecutive_successes"
      }
    }

    let id: String
    let failureThreshold: Int
    let successThreshold: Int
    let recoveryTimeout: Int
    let expected: String
    let trace: [Operation]

    enum CodingKeys: String, CodingKey {
      case id, expected, trace
      case failureThreshold = "failure_threshold"
      case successThreshold = "success_threshold"
      case recoveryTimeout = "recovery_timeout"
    }
  }

  /// A row of `retry_delays`: seconds.
  struct RetryDelayRow: Decodable {
    let id: String
    let maxAttempts: Int
    let baseDelay: Double
    let maxDelay: Double
    let delays: [Double]

    enum CodingKeys: String, CodingKey {
      case id, delays
      case maxAttempts = "max_attempts"
      case baseDelay = "base_delay"
      case maxDelay = "max_delay"
    }
  }

  /// What a row expects: an answer, or an error whose offset binds where it is known.
  enum Expectation: Equatable {
    case result(Bool)
    case error(code: String, byteOffset: Int?)
  }

  static func rows<Row: Decodable>(_ file: String, as type: Row.Type) throws -> [Row] {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(components: "conformance", file)
    let decoder = JSONDecoder()
    return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map {
      try decoder.decode(Row.self, from: Data($0))
    }
  }

  /// The byte offset of a code point offset.
  static func byteOffset(_ codePoints: Int, in text: String) -> Int {
    text.unicodeScalars.prefix(codePoints).reduce(0) { $0 + String($1).utf8.count }
  }

  /// The byte offset of the first character outside quoted strings that the language, being ASCII,
  /// does not know; `nil` when there is none, or when a name that is not declared stands before it.
  static func firstForeignCharacter(in text: String) -> Int? {
    let declared = ["severity", "recurrence_count", "confidence", "step", "duration", "and", "or"]
    var offset = 0
    var quote: Unicode.Scalar?
    var word = ""
    for scalar in text.unicodeScalars {
      let isWordPart =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || "0123456789_".unicodeScalars.contains(scalar))
      if quote == nil, isWordPart {
        word.unicodeScalars.append(scalar)
      } else {
        if let first = word.first, !first.isNumber, !declared.contains(word) { return nil }
        word = ""
      }
      if let open = quote {
        if scalar == open { quote = nil }
      } else if scalar == "'" || scalar == "\"" {
        quote = scalar
      } else if !(0x20...0x7E).contains(scalar.value), !(0x09...0x0D).contains(scalar.value) {
        return offset
      }
      offset += String(scalar).utf8.count
    }
    return nil
  }

  /// What Holdfast answers to a row; `nil` where the row does not bind.
  static func expectation(of row: ConditionRow) -> Expectation? {
    if row.tag == "precision" { return nil }
    if let offset = firstForeignCharacter(in: row.expr) {
      return .error(code: "unexpected_character", byteOffset: offset)
    }
    let offset = (row.recommended?.offset ?? (row.recommended == nil ? row.offset : nil))
      .map { byteOffset($0, in: row.expr) }
    if let recommended = row.recommended {
      if let result = recommended.result { return .result(result) }
      if let code = recommended.parseError { return .error(code: code, byteOffset: offset) }
      return recommended.error.map { .error(code: $0, byteOffset: nil) }
    }
    if let result = row.result { return .result(result) }
    return row.error.map { .error(code: $0, byteOffset: offset) }
  }
}
