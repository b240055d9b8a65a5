/// Where log events go: a level, a message and fields.
///
/// It has the shape of swift-log's `Logger`, so that an adapter is a line each: see `SwiftLogSink`,
/// which is there with the package trait `SwiftLog`. One of your own decides by the level first, and
/// asks for the message only if it will show it:
///
/// ```swift
/// struct StandardError: LogSink {
///   func isEnabled(_ level: LogLevel) -> Bool { level >= .warning }
///
///   func log(
///     _ level: LogLevel, _ message: @autoclosure () -> String,
///     metadata: @autoclosure () -> [(String, String)]
///   ) {
///     guard isEnabled(level) else { return }
///     let fields = metadata().map { " \($0)=\($1)" }.joined()
///     fputs("\(level): \(message())\(fields)\n", stderr)
///   }
/// }
/// ```
///
/// Any number of tasks may use a sink at once. It is called by those whose calls it is told about, so
/// it had better not wait; and never with a lock held.
public protocol LogSink: Sendable {
  /// Whether events of a level are shown now. Who would have to work for an event asks first.
  func isEnabled(_ level: LogLevel) -> Bool

  /// Takes an event.
  ///
  /// - Parameters:
  ///   - level: how much it matters.
  ///   - message: one line that is the same for all events of a kind; what differs is in the
  ///     metadata. Not made unless it is asked for.
  ///   - metadata: names and values, in a fixed order, each name once. Not made unless it is asked
  ///     for.
  func log(
    _ level: LogLevel, _ message: @autoclosure () -> String,
    metadata: @autoclosure () -> [(String, String)]
  )
}

extension LogSink {
  /// Every level.
  public func isEnabled(_ level: LogLevel) -> Bool { true }
}

/// How much an event matters. The levels, their names and their order are those of swift-log.
public enum LogLevel: String, Sendable, Hashable, CaseIterable, Comparable, Codable {
  /// What one would follow a single call by.
  case trace
  /// For whoever looks for a fault.
  case debug
  /// What goes on, when all is well.
  case info
  /// What is not a fault, but worth knowing.
  case notice
  /// What may need somebody soon.
  case warning
  /// What failed.
  case error
  /// What needs somebody now.
  case critical

  /// Whether one matters less than the other.
  public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .trace: 0
    case .debug: 1
    case .info: 2
    case .notice: 3
    case .warning: 4
    case .error: 5
    case .critical: 6
    }
  }
}
