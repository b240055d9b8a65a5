/// A script in Lua, which the server runs as one: see ``RedisClient/run(_:keys:arguments:isRepeatable:)``.
public struct RedisScript: Sendable, Hashable {
  /// The script's text.
  public let source: String
  /// The name that the server knows it by: its SHA-1, in 40 hexadecimal digits.
  public let digest: String

  /// A script; `KEYS` and `ARGV` are what it is run with.
  public init(_ source: String) {
    self.source = source
    digest = SHA1.hexadecimal(of: Array(source.utf8))
  }
}
