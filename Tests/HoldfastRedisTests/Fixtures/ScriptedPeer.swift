import Foundation
import Holdfast

/// A peer on a port of loopback that does what a script says, on a thread for each connection.
///
/// The connection ends when its script does, and with the peer.
final class ScriptedPeer: Sendable {
  typealias Script = @Sendable (_ wire: Wire, _ number: Int) throws -> Void

  private struct State {
    var accepted = 0
    var isEnded = false
    var sockets: [ObjectIdentifier: Socket] = [:]
  }

  private let listener: Socket
  private let state = Guarded(State())
  let port: UInt16
  var url: String { "redis://127.0.0.1:\(port)" }

  /// How many connections were accepted.
  var accepted: Int { state.withLock { $0.accepted } }

  /// Runs the body with a peer, whose script gets each connection with its number, from 1.
  ///
  /// - Parameter greets: whether the PING that a client begins with is answered before.
  static func run<Result>(
    greets: Bool = true, _ script: @escaping Script,
    _ body: (ScriptedPeer) async throws -> Result
  ) async throws -> Result {
    let peer = try ScriptedPeer { wire, number in
      if greets {
        guard wire.command() == ["PING"] else { return }
        wire.socket.write(Array("+PONG\r\n".utf8))
      }
      try script(wire, number)
    }
    defer { peer.end() }
    return try await body(peer)
  }

  private init(_ script: @escaping Script) throws {
    listener = try Socket.listening()
    port = try listener.port()
    Thread.detachNewThread { [self] in
      while let socket = listener.accept() {
        let (number, isEnded) = state.withLock { state in
          state.accepted += 1
          state.sockets[ObjectIdentifier(socket)] = socket
          return (state.accepted, state.isEnded)
        }
        if isEnded { socket.end() }
        Thread.detachNewThread { [self] in
          try? script(Wire(socket), number)
          socket.end()
          state.withLock { $0.sockets[ObjectIdentifier(socket)] = nil }
        }
      }
    }
  }

  private func end() {
    listener.end()
    let sockets = state.withLock { state in
      state.isEnded = true
      return Array(state.sockets.values)
    }
    for socket in sockets { socket.end() }
  }
}
