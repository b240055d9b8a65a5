/// One argument of a command: any bytes. Texts go as UTF-8, numbers as decimal digits.
public enum RedisArgument: Sendable, Hashable {
  /// As UTF-8.
  case text(String)
  /// As they are.
  case bytes([UInt8])
  /// In decimal digits.
  case integer(Int64)

  /// How many bytes it has at most.
  var mostBytes: Int {
    switch self {
    case .text(let text): text.utf8.count
    case .bytes(let some): some.count
    case .integer: 20
    }
  }

  /// Appends the argument's bytes, and returns how many they are.
  func append(to bytes: inout [UInt8]) -> Int {
    let before = bytes.count
    switch self {
    case .text(let text): bytes.append(contentsOf: text.utf8)
    case .bytes(let some): bytes.append(contentsOf: some)
    case .integer(let number): bytes.append(contentsOf: String(number).utf8)
    }
    return bytes.count - before
  }
}

extension RedisArgument: ExpressibleByStringInterpolation {
  /// A text.
  public init(stringLiteral text: String) { self = .text(text) }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
  /// A number.
  public init(integerLiteral number: Int64) { self = .integer(number) }
}
