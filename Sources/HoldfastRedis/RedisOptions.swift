public import Holdfast

/// Where a server is, who asks, and how long to wait.
///
/// ```swift
/// var options = try RedisOptions(url: "rediss://cache:s3cret@redis.example:6380/1")
/// options.tls.authoritiesPath = "/etc/ssl/our-authority.pem"
/// options.timeout = .seconds(1)
/// let storage = RedisStorage(options)
/// ```
public struct RedisOptions: Sendable, Hashable {
  /// Where a server is.
  public enum Address: Sendable, Hashable {
    /// A name or an address, and a port from 1 to 65,535.
    case tcp(host: String, port: Int)
    /// The same over TLS, as ``RedisOptions/tls`` says.
    case tls(host: String, port: Int)
    /// A Unix socket.
    case unix(path: String)
  }

  /// Where the server is; default `localhost`, port 6379.
  public var address: Address = .tcp(host: "localhost", port: defaultPort)
  /// Who asks; `nil`: the server's default user. It needs ``password``.
  public var user: String?
  /// `nil`: none is sent. It is in no description.
  public var password: String?
  /// The database that is selected; 0 or more, default 0.
  public var database = 0
  /// What `CLIENT LIST` shows; `nil`: nothing. Printable ASCII without spaces.
  public var clientName: String?
  /// For ``Address/tls(host:port:)``.
  public var tls = RedisTLS()

  /// How long one attempt of a command may take, with its wait for a connection; above zero,
  /// default 5 s.
  public var timeout: Duration = .seconds(5)
  /// How many attempts a command has in all; 1 or more, default 3. A connection that cannot be made
  /// while the command waits is an attempt. A command that was sent is only tried again if it is
  /// repeatable.
  public var attempts = 3
  /// The wait before the second attempt; above zero, default 0.5 s. It doubles, up to 10 s, and is
  /// drawn evenly from half of that to all of it.
  public var retryDelay: Duration = .milliseconds(500)
  /// How long a connection may take, with name, TLS and password; above zero, default 5 s.
  public var connectTimeout: Duration = .seconds(5)

  /// How many commands may wait or be under way; 1 or more, default 65,536. One more is
  /// `StorageError.Code.queueFull`.
  public var mostWaiting = 65_536
  /// Their bytes; 1 or more, default 64 MiB.
  public var mostWaitingBytes = 64 << 20
  /// The bytes in memory that one reply may take; 1 or more, default 64 MiB. A larger one ends the
  /// connection.
  public var mostReplyBytes = 64 << 20
  /// How many connections there may be, besides the one that all share and the one of the
  /// subscriptions, for blocking commands and for transactions that watch keys; 1 or more, default
  /// 16.
  public var dedicatedConnections = 16

  /// The defaults, and what an address says:
  /// `redis://[user:password@][host][:port][/database]`, `rediss://…` for TLS, or
  /// `unix://[user:password@]/path[?db=database]`.
  ///
  /// User, password and path are percent-decoded.
  ///
  /// - Throws: `StorageError.Code.invalidArgument`. The message says what would be right and never
  ///   has the address in it.
  public init(url: String = "redis://localhost:6379") throws(StorageError) {
    let url = try RedisURL(url)
    address = url.address
    user = url.user
    password = url.password
    database = url.database
  }

  /// From configuration by names: `redis_url` (default `redis://localhost:6379`), `timeout`
  /// (seconds per attempt, default 5.0), `max_retries` (attempts in all, default 3) and
  /// `retry_delay` (seconds, default 0.5).
  ///
  /// - Throws: `StorageError.Code.invalidArgument` for another name, or a value that is none.
  public init(config: [String: String]) throws(StorageError) {
    try self.init(url: config["redis_url"] ?? "redis://localhost:6379")
    for (name, value) in config.sorted(by: { $0.key < $1.key }) {
      switch name {
      case "redis_url": break
      case "timeout": timeout = try Self.seconds(value, name)
      case "retry_delay": retryDelay = try Self.seconds(value, name)
      case "max_retries":
        guard let number = Int(value), (1...Int(UInt32.max)).contains(number) else {
          throw StorageError(
            .invalidArgument, "max_retries is how many attempts there are in all, 1 or more")
        }
        attempts = number
      default:
        throw StorageError(
          .invalidArgument,
          "there is no setting \(name); there are redis_url, timeout, max_retries, retry_delay")
      }
    }
  }

  private static func seconds(_ text: String, _ name: String) throws(StorageError) -> Duration {
    guard let number = Double(text), number > 0, number <= 1e9 else {
      throw StorageError(.invalidArgument, "\(name) is a number of seconds above 0, such as 0.5")
    }
    return .seconds(number)
  }

  static let defaultPort = 6379
  static let ports = 1...65_535
  /// What the server counts its databases with.
  static let databases = 0...Int(Int32.max)
}

extension RedisOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The address and the database, such as `redis://localhost:6379/0`. No user and no password.
  public var description: String {
    switch address {
    case .tcp(let host, let port): "redis://\(Self.bracketed(host)):\(port)/\(database)"
    case .tls(let host, let port): "rediss://\(Self.bracketed(host)):\(port)/\(database)"
    case .unix(let path): "unix://\(path)?db=\(database)"
    }
  }

  /// The same.
  public var debugDescription: String { description }

  /// As the description: `dump` and failed expectations show no password either.
  public var customMirror: Mirror { Mirror(self, children: ["address": description]) }

  private static func bracketed(_ host: String) -> String {
    host.contains(":") ? "[\(host)]" : host
  }
}
