/// A reply as a test reads it off the wire, without the client that is under test.
indirect enum WireReply: Sendable, Equatable {
  case null
  case integer(Int)
  case bytes([UInt8])
  case simple(String)
  case fault(String)
  case array([WireReply])

  var text: String? {
    switch self {
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    case .simple(let text), .fault(let text): text
    case .integer(let number): String(number)
    case .null, .array: nil
    }
  }
}

/// Commands and replies on a socket that blocks: the truth about a server, and the other side of a
/// script.
final class Wire {
  let socket: Socket
  private var buffer: [UInt8] = []
  private var at = 0

  init(_ socket: Socket) { self.socket = socket }

  /// One command, and its reply.
  func ask(_ arguments: String...) throws -> WireReply {
    try ask([arguments])[0]
  }

  /// Many commands, sent at once, and their replies.
  func ask(_ commands: [[String]]) throws -> [WireReply] {
    var bytes: [UInt8] = []
    for command in commands {
      bytes += "*\(command.count)\r\n".utf8
      for argument in command {
        bytes += "$\(argument.utf8.count)\r\n".utf8
        bytes += argument.utf8
        bytes += "\r\n".utf8
      }
    }
    guard socket.write(bytes) else { throw FixtureFailure("the connection is lost") }
    return try commands.map { _ in try reply() }
  }

  /// The next command that came; `nil`: the connection ended.
  func command() -> [String]? {
    guard let line = line(), line.first == "*", let count = Int(line.dropFirst()) else {
      return nil
    }
    var arguments: [String] = []
    for _ in 0..<count {
      guard let length = self.line(), length.first == "$", let size = Int(length.dropFirst()),
        let bytes = take(size), take(2) != nil
      else { return nil }
      arguments.append(String(decoding: bytes, as: UTF8.self))
    }
    return arguments
  }

  /// Waits until the other side has gone.
  func waitForEnd() {
    while socket.read() != nil {}
  }

  private func reply() throws -> WireReply {
    guard let line = line(), let kind = line.first else {
      throw FixtureFailure("the connection ended before a reply")
    }
    let rest = String(line.dropFirst())
    switch kind {
    case "+": return .simple(rest)
    case "-": return .fault(rest)
    case ":": return .integer(Int(rest) ?? 0)
    case "$":
      guard let size = Int(rest), size >= 0 else { return .null }
      guard let bytes = take(size), take(2) != nil else {
        throw FixtureFailure("the connection ended within a reply")
      }
      return .bytes(bytes)
    case "*":
      guard let count = Int(rest), count >= 0 else { return .null }
      return .array(try (0..<count).map { _ in try reply() })
    default: throw FixtureFailure("no reply: \(line)")
    }
  }

  private func line() -> String? {
    var scanned = 0
    while true {
      while at + scanned < buffer.count {
        if buffer[at + scanned] == 0x0A {
          let text = String(decoding: buffer[at..<(at + max(0, scanned - 1))], as: UTF8.self)
          at += scanned + 1
          return text
        }
        scanned += 1
      }
      guard fill() else { return nil }
    }
  }

  private func take(_ count: Int) -> [UInt8]? {
    while buffer.count - at < count {
      guard fill() else { return nil }
    }
    defer { at += count }
    return Array(buffer[at..<(at + count)])
  }

  private func fill() -> Bool {
    guard let more = socket.read() else { return false }
    if at == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      at = 0
    }
    buffer += more
    return true
  }
}
