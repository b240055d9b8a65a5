// The real ones have the words.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public struct Logger: Sendable {
  public let label: String
  public var handler: any LogHandler

  public init(label: String) {
    self.label = label
    handler = StreamLogHandler()
  }

  public var logLevel: Level {
    get { handler.logLevel }
    set { handler.logLevel = newValue }
  }

  public enum Level: String, Codable, CaseIterable, Comparable, Sendable {
    case trace, debug, info, notice, warning, error, critical

    public static func < (a: Level, b: Level) -> Bool {
      guard let first = allCases.firstIndex(of: a), let second = allCases.firstIndex(of: b) else {
        return false
      }
      return first < second
    }
  }

  public struct Message: ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    CustomStringConvertible, Equatable, Sendable
  {
    public let description: String
    public init(stringLiteral value: String) { description = value }
  }

  public typealias Metadata = [String: MetadataValue]

  public enum MetadataValue: Sendable {
    case string(String)
    case stringConvertible(any CustomStringConvertible & Sendable)
    case dictionary(Metadata)
    case array([MetadataValue])
  }

  public func log(
    level: Logger.Level, _ message: @autoclosure () -> Logger.Message,
    metadata: @autoclosure () -> Logger.Metadata? = nil,
    source: @autoclosure () -> String? = nil, file: String = #fileID,
    function: String = #function, line: UInt = #line
  ) {
    guard logLevel <= level else { return }
    handler.log(
      level: level, message: message(), metadata: metadata(),
      source: source() ?? String(file.prefix { $0 != "/" }), file: file, function: function,
      line: line)
  }
}

public protocol LogHandler: Sendable {
  var logLevel: Logger.Level { get set }
  func log(
    level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String,
    file: String, function: String, line: UInt)
}

struct StreamLogHandler: LogHandler {
  var logLevel = Logger.Level.info

  func log(
    level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String,
    file: String, function: String, line: UInt
  ) {
    let fields = (metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\(text($0.value))" }
    print("\(level) [\(source)] \(message)\(fields.joined())")
  }

  private func text(_ value: Logger.MetadataValue) -> String {
    if case .string(let text) = value { return text }
    return "\(value)"
  }
}
