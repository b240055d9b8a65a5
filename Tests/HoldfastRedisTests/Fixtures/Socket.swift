import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A stream socket that blocks: for peers that are scripts. The descriptor goes with the last
/// reference; ``end()`` wakes whoever waits on it.
final class Socket: Sendable {
  let descriptor: Int32

  private init(descriptor: Int32, _ doing: String) throws {
    guard descriptor >= 0 else { throw Socket.failure(doing) }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Listens on loopback. `port` 0: one that the kernel chooses. `backlog`: how many connections
  /// may wait to be accepted.
  static func listening(on port: UInt16 = 0, backlog: Int32 = 64) throws -> Socket {
    let socket = try Socket(
      descriptor: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0),
      "make a socket")
    socket.set(SOL_SOCKET, SO_REUSEADDR)
    guard try unsafe socket.withAddress(port, { unsafe bind(socket.descriptor, $0, $1) }) == 0
    else { throw failure("bind") }
    guard listen(socket.descriptor, backlog) == 0 else { throw failure("listen") }
    return socket
  }

  /// Connects to a port of loopback.
  static func connected(to port: UInt16) throws -> Socket {
    let socket = try Socket(
      descriptor: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0),
      "make a socket")
    guard
      try unsafe socket.withAddress(port, { unsafe connect(socket.descriptor, $0, $1) }) == 0
    else { throw failure("connect") }
    socket.set(Int32(IPPROTO_TCP), TCP_NODELAY)
    return socket
  }

  /// Begins to connect to a port of loopback, and waits for nothing: so it is in the listener's backlog,
  /// or before it.
  static func beginConnecting(to port: UInt16) throws -> Socket {
    let flags = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let socket = try Socket(
      descriptor: socket(AF_INET, Int32(flags), 0), "make a socket")
    _ = try unsafe socket.withAddress(port, { unsafe connect(socket.descriptor, $0, $1) })
    return socket
  }

  /// Connects to a Unix socket.
  static func connected(toPath path: String) throws -> Socket {
    let socket = try Socket(
      descriptor: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0),
      "make a socket")
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
      guard bytes.count < place.count else { return false }
      unsafe place.copyBytes(from: bytes)
      return true
    }
    guard fits else { throw FixtureFailure("the path of a socket is too long: \(path)") }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket.descriptor, $0, size)
      }
    }
    guard status == 0 else { throw failure("connect to \(path)") }
    return socket
  }

  /// The port that it listens on.
  func port() throws -> UInt16 {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &size)
      }
    }
    guard status == 0 else { throw Socket.failure("ask for the port") }
    return UInt16(bigEndian: address.sin_port)
  }

  /// The next connection; `nil`: it was ended.
  func accept() -> Socket? {
    while true {
      let accepted = Glibc.accept(descriptor, nil, nil)
      if accepted < 0 && (errno == EINTR || errno == ECONNABORTED) { continue }
      guard let socket = try? Socket(descriptor: accepted, "accept") else { return nil }
      _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
      socket.set(Int32(IPPROTO_TCP), TCP_NODELAY)
      return socket
    }
  }

  /// What has come, at most so much; waits for something. `nil`: the end, or a lost connection.
  func read(most: Int = 65_536) -> [UInt8]? {
    while true {
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
        unsafe count = max(0, recv(descriptor, buffer.baseAddress, most, 0))
      }
      if !bytes.isEmpty { return bytes }
      guard errno == EINTR else { return nil }
      errno = 0
    }
  }

  /// Whether a read would not wait.
  var isReadable: Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, 0) > 0
  }

  /// Writes all of it. Returns whether the connection was still there.
  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe send(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, bytes.count - written,
          Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  /// Ends both directions: who waits here hears of it, and so does the peer.
  func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Ends it so that the peer sees a reset.
  func reset() {
    var lingering = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
    // To be connected to nothing is what resets a connection while others still hold the descriptor.
    var nothing = sockaddr(sa_family: sa_family_t(AF_UNSPEC), sa_data: sockaddr().sa_data)
    unsafe connect(descriptor, &nothing, socklen_t(MemoryLayout<sockaddr>.size))
  }

  private func set(_ level: Int32, _ option: Int32) {
    var on: Int32 = 1
    unsafe setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  private func withAddress(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func failure(_ doing: String) -> FixtureFailure {
    let text = unsafe String(cString: strerror(errno))
    return FixtureFailure("cannot \(doing): \(text)")
  }
}
