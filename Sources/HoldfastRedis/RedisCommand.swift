/// A command for the server, any that there is: `RedisCommand("LPUSH", "queue", .bytes(job))`.
///
/// Arguments go as they are; nothing in them can become another argument or another command.
public struct RedisCommand: Sendable, Hashable {
  /// All arguments, the name first, one after the other.
  let bytes: [UInt8]
  /// How many bytes each has.
  let lengths: [Int]
  /// Whether it does no harm to do it twice, so that it is sent again when the connection is lost,
  /// or the time of an attempt is over, before its reply came. Where it is not, such a loss is an
  /// error whose outcome is unknown.
  public var isRepeatable: Bool
  /// Which connection it may go on.
  let place: Place

  /// A command by its name, such as `GET`; a second word, as in `CONFIG GET`, is an argument.
  public init(_ name: String, _ arguments: RedisArgument..., isRepeatable: Bool = false) {
    self.init(name, arguments: arguments, isRepeatable: isRepeatable)
  }

  /// A command by its name, such as `GET`.
  public init(_ name: String, arguments: [RedisArgument], isRepeatable: Bool = false) {
    let place = Place(of: name, arguments)
    self.init(place, name, arguments, isRepeatable: isRepeatable)
  }

  /// One whose place is known.
  init(_ place: Place, _ name: String, _ arguments: [RedisArgument], isRepeatable: Bool) {
    var bytes: [UInt8] = []
    var lengths: [Int] = []
    bytes.reserveCapacity(arguments.reduce(name.utf8.count) { $0 + $1.mostBytes })
    lengths.reserveCapacity(arguments.count + 1)
    bytes.append(contentsOf: name.utf8)
    lengths.append(bytes.count)
    for argument in arguments { lengths.append(argument.append(to: &bytes)) }
    self.bytes = bytes
    self.lengths = lengths
    self.isRepeatable = isRepeatable
    self.place = place
  }

  /// Its arguments, the name first.
  var arguments: [[UInt8]] {
    var start = 0
    return lengths.map { length in
      defer { start += length }
      return Array(bytes[start..<start + length])
    }
  }
}

extension RedisCommand: CustomStringConvertible {
  /// The name, and how many arguments it has: those may be secret.
  public var description: String {
    let name = String(decoding: bytes.prefix(lengths[0]), as: UTF8.self)
    return lengths.count == 1 ? name : "\(name) with \(lengths.count - 1) arguments"
  }
}
