/// How a `rediss://` connection is secured. The defaults verify the server's certificate and the
/// name in it against the system's authorities. All paths are of PEM files.
public struct RedisTLS: Sendable, Hashable {
  /// The authorities that may vouch for the server; `nil`: the system's.
  public var authoritiesPath: String?
  /// The client's certificate, followed by those between it and the authority; `nil`: none. It
  /// needs ``keyPath``.
  public var certificatePath: String?
  /// The key of ``certificatePath``.
  public var keyPath: String?
  /// The name that the server's certificate must have; `nil`: the address's host.
  public var serverName: String?
  /// Whether the certificate and its name are verified. `false` leaves the connection open to
  /// whoever sits in between: for tests alone.
  public var isVerified = true

  /// The defaults.
  public init(
    authoritiesPath: String? = nil, certificatePath: String? = nil, keyPath: String? = nil,
    serverName: String? = nil, isVerified: Bool = true
  ) {
    self.authoritiesPath = authoritiesPath
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.serverName = serverName
    self.isVerified = isVerified
  }
}
