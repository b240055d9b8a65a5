import Foundation
import Holdfast

/// Stands between a client and a server on loopback, passes on what they say, and does what is asked
/// of it to their connections. Each direction of each connection has a thread.
final class FaultProxy: Sendable {
  /// What happens to the replies, from the next byte on.
  enum Fault: Sendable {
    case none
    /// So many more bytes pass, over all connections; with the next one their connection is cut.
    case cut(after: Int)
    /// Bytes pass one at a time, with a pause between them.
    case drip(pause: Duration)
    /// So many more bytes pass; what comes next of one connection is swapped for this, once.
    case swap(after: Int, for: [UInt8])
  }

  /// What has passed.
  struct Figures: Sendable {
    var connections = 0
    var requestBytes = 0
    var replyBytes = 0
    var cuts = 0
  }

  private struct State {
    var fault = Fault.none
    var figures = Figures()
    var isHeld = false
    var isEnded = false
    var sockets: [ObjectIdentifier: (client: Socket, server: Socket)] = [:]
  }

  private let listener: Socket
  private let target: RedisServer
  private let state = Guarded(State())
  /// Rings when what is held may go on.
  private let bell = NSCondition()

  let port: UInt16
  var url: String { "redis://127.0.0.1:\(port)" }
  var figures: Figures { state.withLock { $0.figures } }

  /// Runs the body with a proxy before a server, and ends the proxy.
  static func run<Result>(
    before server: RedisServer, _ body: (FaultProxy) async throws -> Result
  ) async throws -> Result {
    let proxy = try FaultProxy(before: server)
    defer { proxy.end() }
    return try await body(proxy)
  }

  private init(before server: RedisServer) throws {
    target = server
    listener = try Socket.listening()
    port = try listener.port()
    Thread.detachNewThread { [self] in accept() }
  }

  /// Sets what happens to replies from now on.
  func set(_ fault: Fault) { state.withLock { $0.fault = fault } }

  /// Nothing passes, in either direction, until ``release()``; connections are still accepted.
  func hold() { state.withLock { $0.isHeld = true } }

  func release() {
    bell.lock()
    state.withLock { $0.isHeld = false }
    bell.broadcast()
    bell.unlock()
  }

  /// Cuts all connections now.
  func cut() {
    let sockets = state.withLock { state in
      state.figures.cuts += state.sockets.count
      return Array(state.sockets.values)
    }
    for pair in sockets {
      pair.client.end()
      pair.server.end()
    }
  }

  func end() {
    state.withLock { $0.isEnded = true }
    release()
    listener.end()
    cut()
  }

  private func accept() {
    while let client = listener.accept() {
      guard let server = try? Socket.connected(to: target.port) else {
        client.reset()
        continue
      }
      let isEnded = state.withLock { state in
        state.figures.connections += 1
        state.sockets[ObjectIdentifier(client)] = (client, server)
        return state.isEnded
      }
      if isEnded { cut() }
      Thread.detachNewThread { [self] in
        pass(from: client, to: server) { bytes in
          state.withLock { $0.figures.requestBytes += bytes.count }
          return server.write(bytes)
        }
        state.withLock { $0.sockets[ObjectIdentifier(client)] = nil }
      }
      Thread.detachNewThread { [self] in
        pass(from: server, to: client) { answer($0, to: client) }
      }
    }
  }

  private func pass(from source: Socket, to target: Socket, _ write: ([UInt8]) -> Bool) {
    while let bytes = source.read() {
      bell.lock()
      while state.withLock({ $0.isHeld }) { bell.wait() }
      bell.unlock()
      guard write(bytes) else { break }
    }
    source.end()
    target.end()
  }

  /// Writes replies as the fault of the moment has it. Returns whether to go on.
  private func answer(_ bytes: [UInt8], to client: Socket) -> Bool {
    // What passes, what is put in its place after that, how fast, and whether that is the end.
    let (passing, inserted, pause, isCut) = state.withLock {
      state -> (Int, [UInt8], Duration?, Bool) in
      switch state.fault {
      case .none: return (bytes.count, [], nil, false)
      case .drip(let pause): return (bytes.count, [], pause, false)
      case .cut(let after) where after >= bytes.count:
        state.fault = .cut(after: after - bytes.count)
        return (bytes.count, [], nil, false)
      case .cut(let after):
        state.fault = .none
        state.figures.cuts += 1
        return (after, [], nil, true)
      case .swap(let after, let other) where after >= bytes.count:
        state.fault = .swap(after: after - bytes.count, for: other)
        return (bytes.count, [], nil, false)
      case .swap(let after, let other):
        state.fault = .none
        return (after, other, nil, false)
      }
    }
    state.withLock { $0.figures.replyBytes += passing }
    let written = Array(bytes[..<passing]) + inserted
    if let pause {
      for byte in written {
        guard client.write([byte]) else { return false }
        // The drip itself.
        usleep(UInt32(pause / .microseconds(1)))
      }
    } else if !written.isEmpty {
      guard client.write(written) else { return false }
    }
    return !isCut
  }
}
