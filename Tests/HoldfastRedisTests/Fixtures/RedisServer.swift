import Foundation
import Holdfast
import HoldfastRedis

/// A redis-server of a test's own, on a port of loopback and a Unix socket in a temporary folder.
///
/// It is the child of a small shell, which signals it as its job, so that no other process can be hit,
/// and which ends it when the pipe from here closes: when the test is over, however it ends, and also
/// when this process is killed.
final class RedisServer: Sendable {
  struct Options: Sendable {
    var password: String?
    /// A user beside the default one, which is then turned off.
    var user: (name: String, password: String)?
    /// Speaks TLS on the port.
    var certificates: Certificates?
    /// The certificate that it shows, by name.
    var certificate = "server"
    var requiresClientCertificate = false
    /// Each write is on the disk before it is acknowledged.
    var isDurable = false
    /// More lines of its configuration.
    var lines: [String] = []
  }

  let options: Options
  let folder: TemporaryFolder
  /// Its port of loopback; stays the same when it is started again.
  var port: UInt16 { state.withLock { $0.port } }
  /// Its Unix socket, plain and without TLS.
  var socketPath: String { folder.file("s") }

  private struct State {
    var port: UInt16 = 0
    var keeper: Keeper?
  }
  private let state = Guarded(State())

  /// Runs the body with a server, and ends the server.
  static func run<Result>(
    _ options: Options = Options(), _ body: (RedisServer) async throws -> Result
  ) async throws -> Result {
    let server = try RedisServer(options)
    try await blocking { try server.startSomewhere() }
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    try await blocking {
      server.end()
      server.folder.remove()
    }
    return try result.get()
  }

  private init(_ options: Options) throws {
    self.options = options
    folder = try TemporaryFolder()
  }

  // What is done to it ------------------------------------------------------------------------------

  /// kill -9; returns when it is gone.
  func kill() async throws { try await blocking { try self.killNow() } }

  /// Starts it again after ``kill()``, with the same port and files; returns when it answers.
  func restart() async throws { try await blocking { try self.startAgain() } }

  /// SIGSTOP; returns when it stands still.
  func pause() async throws {
    try await blocking {
      let keeper = try self.keeper()
      try keeper.signal("STOP")
      // The kernel tells nobody but a parent, which is the keeper: so it is looked at, for 10 s.
      for _ in 0..<50_000 {
        if keeper.status == "T" { return }
        usleep(200)
      }
      throw FixtureFailure("redis-server was not stopped: it is in state \(keeper.status)")
    }
  }

  /// SIGCONT.
  func resume() async throws { try await blocking { try self.keeper().signal("CONT") } }

  /// Asks it, past everything that is under test: on its Unix socket, as its administrator.
  func ask(_ command: String...) async throws -> WireReply {
    try await ask([command])[0]
  }

  func ask(_ commands: [[String]]) async throws -> [WireReply] {
    try await blocking { try self.wire().ask(commands) }
  }

  /// Ends the connections that clients have on it, all but the one that asks.
  func dropClients() async throws { _ = try await ask("CLIENT", "KILL", "TYPE", "normal") }

  // How to reach it ---------------------------------------------------------------------------------

  /// Its URL, as a client is given it.
  var url: String {
    let scheme = options.certificates == nil ? "redis" : "rediss"
    var login = ""
    if let user = options.user {
      login = "\(user.name):\(user.password)@"
    } else if let password = options.password {
      login = ":\(password)@"
    }
    return "\(scheme)://\(login)127.0.0.1:\(port)"
  }

  // Life --------------------------------------------------------------------------------------------

  private func keeper() throws -> Keeper {
    guard let keeper = state.withLock({ $0.keeper }) else {
      throw FixtureFailure("the server is not running")
    }
    return keeper
  }

  private func startSomewhere() throws {
    for _ in 0..<20 {
      // Below those that outgoing connections get, so that none of them takes it while the server is
      // down. Another process may still be quicker: then another is tried.
      let port = UInt16.random(in: 10_000..<32_000)
      guard (try? Socket.listening(on: port)) != nil else { continue }
      state.withLock { $0.port = port }
      if try start() { return }
    }
    throw FixtureFailure("no port was free")
  }

  private func startAgain() throws {
    for _ in 0..<100 {
      if try start() { return }
      // Until whoever has the port gives it back.
      usleep(20_000)
    }
    throw FixtureFailure("port \(port) was taken by somebody else")
  }

  /// Starts it, and waits until it answers. Returns whether the port was free.
  private func start() throws -> Bool {
    try folder.write(configuration.joined(separator: "\n") + "\n", to: "redis.conf")
    try folder.write("", to: "log")
    let keeper = try Keeper(folder: folder)
    for _ in 0..<10_000 {
      if (try? wire().ask("PING")) == .simple("PONG") {
        state.withLock { $0.keeper = keeper }
        return true
      }
      if keeper.status == "Z" {
        keeper.end()
        let log = folder.text(of: "log")
        if log.contains("Address already in use") { return false }
        throw FixtureFailure("redis-server ended: \(log)")
      }
      // It says nothing when it is ready, so it is asked again.
      usleep(2_000)
    }
    keeper.end()
    throw FixtureFailure("redis-server does not answer: \(folder.text(of: "log"))")
  }

  private func killNow() throws {
    let keeper = try keeper()
    state.withLock { $0.keeper = nil }
    keeper.end()
  }

  private func end() {
    state.withLock { state in
      defer { state.keeper = nil }
      return state.keeper
    }?.end()
  }

  private var configuration: [String] {
    var lines = [
      "bind 127.0.0.1", "dir \(folder.path)", "unixsocket \(socketPath)", "daemonize no",
      "save \"\"", "databases 16", "loglevel warning", "logfile \"\"",
      "appendonly \(options.isDurable ? "yes" : "no")", "appendfsync always",
    ]
    if let certificates = options.certificates {
      lines += [
        "port 0", "tls-port \(port)",
        "tls-cert-file \(certificates.certificate(options.certificate))",
        "tls-key-file \(certificates.key(options.certificate))",
        "tls-ca-cert-file \(certificates.authority)",
        "tls-auth-clients \(options.requiresClientCertificate ? "yes" : "no")",
      ]
    } else {
      lines.append("port \(port)")
    }
    if let password = options.password { lines.append("requirepass \"\(password)\"") }
    if let user = options.user {
      lines += ["user \(user.name) on \">\(user.password)\" ~* &* +@all", "user default off"]
    }
    return lines + options.lines
  }

  private func wire() throws -> Wire {
    let wire = Wire(try Socket.connected(toPath: socketPath))
    if let user = options.user {
      _ = try wire.ask("AUTH", user.name, user.password)
    } else if let password = options.password {
      _ = try wire.ask("AUTH", password)
    }
    return wire
  }
}

/// The shell that a server is the child of.
private final class Keeper: Sendable {
  private let process: Process
  private let orders: FileHandle
  private let answers: FileHandle
  private let server: Int

  private static let script = """
    redis-server "$1/redis.conf" </dev/null >"$1/log" 2>&1 &
    echo $!
    while read -r signal; do
      kill -s "$signal" %1
      echo sent
    done
    kill -s KILL %1
    wait
    """

  init(folder: TemporaryFolder) throws {
    process = Process()
    let input = Pipe()
    let output = Pipe()
    // The one of Debian waits for ever where SIGCHLD is blocked, as it may be in a thread of here.
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", Self.script, "keeper", folder.path]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    try? input.fileHandleForReading.close()
    try? output.fileHandleForWriting.close()
    orders = input.fileHandleForWriting
    answers = output.fileHandleForReading
    let line = String(decoding: answers.availableData, as: UTF8.self)
    guard let server = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw FixtureFailure("redis-server cannot be started: \(line)")
    }
    self.server = server
  }

  /// `T`: stopped; `Z`: ended.
  var status: Character {
    let line = (try? String(contentsOfFile: "/proc/\(server)/stat", encoding: .utf8)) ?? ""
    guard let end = line.lastIndex(of: ")") else { return "Z" }
    return line[end...].dropFirst(2).first ?? "Z"
  }

  func signal(_ name: String) throws {
    try orders.write(contentsOf: Data("\(name)\n".utf8))
    guard String(decoding: answers.availableData, as: UTF8.self) == "sent\n" else {
      throw FixtureFailure("the server could not be signalled")
    }
  }

  /// Kills the server, and waits until both are gone.
  func end() {
    try? orders.close()
    _ = try? answers.readToEnd()
    process.waitUntilExit()
  }
}
