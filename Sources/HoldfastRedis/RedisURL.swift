internal import Holdfast

/// What an address says: `redis://`, `rediss://` or `unix://`.
///
/// ```text
/// redis://[user:password@][host][:port][/database]
/// rediss://…                                       the same over TLS
/// unix://[user:password@]/path[?db=database]
/// ```
///
/// User, password and path are percent-decoded; a password alone is written `:password@`. What is
/// wrong with an address is said without repeating it, because there may be a password in it.
struct RedisURL {
  var address: RedisOptions.Address
  var user: String?
  var password: String?
  var database = 0

  init(_ text: String) throws(StorageError) {
    guard let mark = text.range(of: "://") else {
      throw Self.error("no scheme; it begins with redis://, rediss:// or unix://")
    }
    let scheme = text[..<mark.lowerBound].lowercased()
    guard ["redis", "rediss", "unix"].contains(scheme) else {
      throw Self.error("an unknown scheme; it begins with redis://, rediss:// or unix://")
    }
    var rest = text[mark.upperBound...]
    guard !rest.contains("#") else {
      throw Self.error("a # in it; where it belongs to a password or path it is written %23")
    }
    let query = Self.cut(&rest, at: "?")
    var host = rest
    let path = Self.cut(&host, at: "/")
    if let at = host.lastIndex(of: "@") {
      (user, password) = try Self.credentials(host[..<at])
      host = host[host.index(after: at)...]
    }

    var numbers: [Substring] = []
    if scheme == "unix" {
      guard host.isEmpty, let path, !path.isEmpty else {
        throw Self.error("no path after the host; a socket is written unix:///path")
      }
      address = .unix(path: "/" + (try Self.decoded(path, "path")))
    } else {
      let (name, port) = try Self.hostAndPort(host)
      address = scheme == "rediss" ? .tls(host: name, port: port) : .tcp(host: name, port: port)
      if let path, !path.isEmpty { numbers.append(path) }
    }
    for field in (query ?? "").split(separator: "&") {
      guard field.hasPrefix("db=") else {
        throw Self.error("an unknown parameter after the ?; there is only db")
      }
      numbers.append(field.dropFirst(3))
    }
    guard numbers.count <= 1 else { throw Self.error("more than one database") }
    if let number = numbers.first {
      guard number.utf8.allSatisfy({ (48...57).contains($0) }), let database = Int(number),
        RedisOptions.databases.contains(database)
      else { throw Self.error("a database that is no whole number from 0 on, such as /0") }
      self.database = database
    }
  }

  /// What comes after the first such sign, which is taken off with it; `nil`: there is none.
  private static func cut(_ text: inout Substring, at sign: Character) -> Substring? {
    guard let index = text.firstIndex(of: sign) else { return nil }
    defer { text = text[..<index] }
    return text[text.index(after: index)...]
  }

  private static func credentials(_ text: Substring) throws(StorageError) -> (String?, String) {
    var user = text
    guard let password = cut(&user, at: ":") else {
      throw error("a user without a password; a password alone is written redis://:password@host")
    }
    return (user.isEmpty ? nil : try decoded(user, "user"), try decoded(password, "password"))
  }

  private static func hostAndPort(_ text: Substring) throws(StorageError) -> (String, Int) {
    var host = text
    var port: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else {
        throw error("a [ without ]; an IPv6 address is written [::1]")
      }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else {
        throw error("something other than :port after the ]")
      }
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else {
      port = cut(&host, at: ":")
      guard port?.contains(":") != true else {
        throw error("more than one : in the host; an IPv6 address is written [::1]")
      }
    }
    guard let port, !port.isEmpty else { return (try named(host), RedisOptions.defaultPort) }
    guard port.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(port),
      RedisOptions.ports.contains(number)
    else { throw error("a port that is no whole number from 1 to 65535") }
    return (try named(host), number)
  }

  private static func named(_ host: Substring) throws(StorageError) -> String {
    host.isEmpty ? "localhost" : try decoded(host, "host")
  }

  /// With `%41` turned into `A`. A NUL is refused: what comes after it would be lost in C.
  private static func decoded(_ text: Substring, _ part: String) throws(StorageError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
      else {
        throw error("a % in the \(part) without two hexadecimal digits; % itself is written %25")
      }
      bytes.append(high << 4 | low)
    }
    guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
      throw error("a \(part) that is no UTF-8 text, or has a NUL in it")
    }
    return text
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func error(_ fault: String) -> StorageError {
    StorageError(.invalidArgument, "the Redis address has \(fault)")
  }
}

extension StringProtocol {
  /// The first place of a text (as the standard library has it only with Foundation).
  fileprivate func range(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      formIndex(after: &start)
    }
    return nil
  }
}
