import Foundation
import Holdfast
import Testing

extension RedisTests {
  /// What the other tests stand on.
  @Suite struct Fixtures {
    @Test func `a server is killed, and keeps what it wrote when it is started again`()
      async throws
    {
      try await RedisServer.run(RedisServer.Options(isDurable: true)) { server in
        #expect(try await server.ask("SET", "k", "1") == .simple("OK"))
        let port = server.port
        try await server.kill()
        await #expect(throws: FixtureFailure.self) { try await server.ask("PING") }
        try await server.restart()
        #expect(try await server.ask("GET", "k") == .bytes(Array("1".utf8)))
        #expect(server.port == port)
      }
    }

    @Test func `a paused server answers nothing until it is resumed`() async throws {
      try await RedisServer.run { server in
        try await server.pause()
        // Its kernel takes the connection and the command; nobody answers.
        let socket = try Socket.connected(toPath: server.socketPath)
        socket.write(Array("PING\r\n".utf8))
        #expect(!socket.isReadable)
        try await server.resume()
        let reply = try await blocking { socket.read() }
        #expect(reply == Array("+PONG\r\n".utf8))
      }
    }

    @Test func `a proxy passes on, counts and cuts`() async throws {
      try await RedisServer.run { server in
        try await FaultProxy.run(before: server) { proxy in
          let reply = try await blocking {
            try Wire(Socket.connected(to: proxy.port)).ask("PING")
          }
          #expect(reply == .simple("PONG"))
          #expect(proxy.figures.requestBytes == 14)
          #expect(proxy.figures.replyBytes == 7)
          proxy.set(.cut(after: 3))
          let cut = try await blocking {
            let socket = try Socket.connected(to: proxy.port)
            socket.write(Array("PING\r\n".utf8))
            var bytes: [UInt8] = []
            while let more = socket.read() { bytes += more }
            return bytes
          }
          #expect(cut == Array("+PO".utf8))
          proxy.set(.swap(after: 1, for: [0x21]))
          let swapped = try await blocking {
            let socket = try Socket.connected(to: proxy.port)
            socket.write(Array("PING\r\n".utf8))
            return socket.read()
          }
          #expect(swapped == Array("+!".utf8))
          #expect(proxy.figures.connections == 3)
        }
      }
    }

    @Test func `a scripted peer reads commands and says what it is told`() async throws {
      let script: ScriptedPeer.Script = { wire, number in
        while let command = wire.command() {
          wire.socket.write(Array("+\(number) \(command.joined(separator: " "))\r\n".utf8))
        }
      }
      try await ScriptedPeer.run(greets: false, script) { peer in
        let reply = try await blocking {
          try Wire(Socket.connected(to: peer.port)).ask("GET", "k")
        }
        #expect(reply == .simple("1 GET k"))
      }
    }

    @Test func `a server speaks TLS, with a password`() async throws {
      let certificates = try await blocking { try Certificates() }
      let options = RedisServer.Options(password: "open", certificates: certificates)
      try await RedisServer.run(options) { server in
        let reply = try await server.ask("PING")
        #expect(reply == .simple("PONG"))
        #expect(server.url == "rediss://:open@127.0.0.1:\(server.port)")
      }
    }
  }
}
