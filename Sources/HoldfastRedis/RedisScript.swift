internal import CHoldfastRedis

/// A script in Lua, which the server runs as one: see
/// ``RedisClient/run(_:keys:arguments:isRepeatable:deadline:)``.
public struct RedisScript: Sendable, Hashable {
  /// The script's text.
  public let source: String
  /// The name that the server knows it by: its SHA-1, in 40 hexadecimal digits.
  public let digest: String

  /// A script; `KEYS` and `ARGV` are what it is run with.
  public init(_ source: String) {
    self.source = source
    digest = Self.digest(of: Array(source.utf8))
  }

  private static func digest(of bytes: [UInt8]) -> String {
    var digits = [CChar](repeating: 0, count: Int(HF_REDIS_SHA1_BYTES))
    unsafe bytes.withUnsafeBytes { bytes in
      // The C part wants an address where there is not a byte, too.
      guard let start = bytes.baseAddress else { return }
      unsafe hf_redis_sha1(start, bytes.count, &digits)
    }
    return String(decoding: digits.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
