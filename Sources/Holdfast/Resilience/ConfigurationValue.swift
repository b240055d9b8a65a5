/// A value that a configuration was given from outside.
enum ConfigurationValue: Sendable {
  case null
  case flag(Bool)
  case number(Double)
  case text(String)
  case list
  case object([String: ConfigurationValue])
  /// Such as a number beyond all that a `Double` holds.
  case unreadable
}

extension ConfigurationValue: Decodable {
  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Name.self) {
      var fields: [String: ConfigurationValue] = [:]
      for name in object.allKeys {
        fields[name.stringValue] = try object.decode(Self.self, forKey: name)
      }
      self = .object(fields)
      return
    }
    if (try? decoder.unkeyedContainer()) != nil {
      self = .list
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else {
      self = .unreadable
    }
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension ConfigurationValue: CustomStringConvertible {
  /// As an error shows it: on one line, and not much of it.
  var description: String {
    switch self {
    case .null: "null"
    case .flag(let flag): "\(flag)"
    case .number(let number): number.inFewDigits
    case .text(let text): Self.quoted(text)
    case .list: "a list"
    case .object: "an object"
    case .unreadable: "a value that cannot be read"
    }
  }

  static func quoted(_ text: String) -> String {
    let short = text.prefix(64)
    return "'\(String(short).onOneLine)'" + (short.endIndex == text.endIndex ? "" : "…")
  }
}

extension Double {
  /// Without `.0` where it is whole.
  var inFewDigits: String {
    Int64(exactly: self).map { "\($0)" } ?? "\(self)"
  }
}
