/// Which keys are meant: those that a glob matches, by the rules of Redis.
///
/// - `*` any number of bytes, none too; `?` one byte.
/// - `[abc]`, `[a-z]` one byte of these; `[^abc]` one that is none of these. Without `]` the
///   set goes on to the end of the pattern.
/// - `\` takes the next byte as it is.
///
/// A byte, not a character: `?` does not match `é`, which is two (Redis: `stringmatchlen`).
public struct StoragePattern: Sendable, Hashable, ExpressibleByStringLiteral {
  /// The glob.
  public let glob: String

  /// A glob, such as `user:*`.
  public init(glob: String) { self.glob = glob }
  /// A glob.
  public init(stringLiteral glob: String) { self.init(glob: glob) }

  /// All keys.
  public static let all = StoragePattern(glob: "*")

  /// Keys that begin with a text, whatever signs are in it.
  public static func prefix(_ prefix: String) -> StoragePattern {
    StoragePattern(glob: escaped(prefix) + "*")
  }

  /// A text that matches itself alone.
  public static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      if "*?[]\\^-".unicodeScalars.contains(character) { result.unicodeScalars.append("\\") }
      result.unicodeScalars.append(character)
    }
    return result
  }
}
