public import Holdfast

/// An error that the server answered with, such as
/// `WRONGTYPE Operation against a key holding the wrong kind of value`.
public struct RedisFault: Sendable, Hashable, CustomStringConvertible {
  /// The server's text.
  public let text: String

  /// A fault with a text.
  public init(text: String) { self.text = text }

  /// The first word, which says what kind of fault it is, such as `WRONGTYPE`.
  public var prefix: Substring { text.prefix { $0 != " " } }

  /// The text.
  public var description: String { text }

  /// What it is to a storage's caller. The text stays as the server wrote it.
  ///
  /// `outcome`: what became of the command. A server that answers a command with a fault has not
  /// done it; a script may have come half of the way.
  public func error(outcome: StorageError.Outcome = .notDone) -> StorageError {
    StorageError(code, text, outcome: outcome)
  }

  private var code: StorageError.Code {
    switch prefix {
    case "WRONGTYPE": return .wrongType
    case "NOAUTH", "WRONGPASS", "NOPERM", "OOM", "READONLY", "MISCONF", "DENIED": return .refused
    // The server is there but cannot serve yet: to its caller that is as good as not there.
    case "LOADING", "MASTERDOWN": return .notConnected
    case "ERR":
      if text.contains("would overflow") { return .overflow }
      if text.contains("not an integer") { return .notAnInteger }
      return .server
    default: return .server
    }
  }
}
