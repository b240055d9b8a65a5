/// Why a storage did not do what it was asked to.
public struct StorageError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of fault it is. More may be added, so a `switch` needs a `default`.
  public struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
    /// The name that logs use, such as `not_connected`.
    public let rawValue: String
    /// A code of that name, for a storage of your own.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Its name.
    public var description: String { rawValue }

    /// There is no connection, and none could be made; or it was closed.
    public static let notConnected = Self(rawValue: "not_connected")
    /// There was no answer in time.
    public static let timedOut = Self(rawValue: "timed_out")
    /// The task was cancelled.
    public static let cancelled = Self(rawValue: "cancelled")
    /// The connection was lost while it was under way.
    public static let connectionLost = Self(rawValue: "connection_lost")
    /// It was not allowed: a wrong password, no permission, a limit of the server's or of the storage's.
    public static let refused = Self(rawValue: "refused")
    /// As many operations are waiting as may.
    public static let queueFull = Self(rawValue: "queue_full")
    /// The key holds another kind of value.
    public static let wrongType = Self(rawValue: "wrong_type")
    /// The value is no whole number of 64 bits.
    public static let notAnInteger = Self(rawValue: "not_an_integer")
    /// The sum would be beyond 64 bits.
    public static let overflow = Self(rawValue: "overflow")
    /// What came back was not what the protocol says.
    public static let protocolViolation = Self(rawValue: "protocol_violation")
    /// The server said that something else is wrong; `message` is its text.
    public static let server = Self(rawValue: "server")
    /// The bytes are not what was to be read from them: they have another tag, or do not decode.
    public static let notDecodable = Self(rawValue: "not_decodable")
    /// A value could not be encoded.
    public static let notEncodable = Self(rawValue: "not_encodable")
    /// An argument is outside its documented range.
    public static let invalidArgument = Self(rawValue: "invalid_argument")
    /// A file could not be read or written, or is no snapshot.
    public static let file = Self(rawValue: "file")
  }

  /// What became of the operation.
  public enum Outcome: String, Sendable, Hashable {
    /// It was not done, and will not be: it may be tried again.
    case notDone = "not_done"
    /// It may have been done, or may be yet.
    case unknown
  }

  /// What kind of fault it is.
  public let code: Code
  /// One line in plain English.
  public let message: String
  /// Whether it may have been done.
  public let outcome: Outcome

  /// An error; by default of something that was not done.
  public init(_ code: Code, _ message: String, outcome: Outcome = .notDone) {
    self.code = code
    self.message = message
    self.outcome = outcome
  }

  /// Such as `timed_out: no answer within 5 s (it may have been done)`.
  public var description: String {
    "\(code): \(message)" + (outcome == .unknown ? " (it may have been done)" : "")
  }
}
