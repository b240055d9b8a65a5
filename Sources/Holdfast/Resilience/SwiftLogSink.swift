#if SwiftLog
  public import Logging

  /// Log events as swift-log takes them.
  ///
  /// ```swift
  /// let log = SwiftLogSink(Logger(label: "orders"))
  /// ```
  ///
  /// The level, the label and the metadata of the logger stay its own; what an event carries is added to
  /// its metadata. It is there with the package trait `SwiftLog`:
  ///
  /// ```swift
  /// .package(url: "…/holdfast.git", from: "…", traits: ["SwiftLog"])
  /// ```
  public struct SwiftLogSink: LogSink {
    private let logger: Logger

    /// A sink that writes to a logger.
    ///
    /// - Complexity: O(1).
    public init(_ logger: Logger) {
      self.logger = logger
    }

    /// Whether the logger shows events of this level.
    ///
    /// - Complexity: O(1), and what the logger's handler takes.
    public func isEnabled(_ level: LogLevel) -> Bool { logger.logLevel <= level.ofSwiftLog }

    /// Hands an event to the logger, which puts it together only if it shows it.
    public func log(
      _ level: LogLevel, _ message: @autoclosure () -> String,
      metadata: @autoclosure () -> [(String, String)]
    ) {
      logger.log(
        level: level.ofSwiftLog, "\(message())",
        metadata: Logger.Metadata(
          metadata().map { ($0, .string($1)) }, uniquingKeysWith: { first, _ in first }))
    }
  }

  extension LogLevel {
    fileprivate var ofSwiftLog: Logger.Level {
      switch self {
      case .trace: .trace
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      case .critical: .critical
      }
    }
  }
#endif
