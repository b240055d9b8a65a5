import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  /// What an error says about whether the command was done.
  @Suite struct Outcomes {
    private let loading = Array("-LOADING Redis is loading the dataset in memory\r\n".utf8)

    @Test func `what is refused when it is repeated may have been done before`() async throws {
      let loading = loading
      for operation in 0..<4 {
        try await ScriptedPeer.run { wire, number in
          // The first attempt comes, and the connection is lost.
          guard wire.command() != nil, number > 1 else { return }
          _ = wire.socket.write(operation == 3 ? Array("+OK\r\n+QUEUED\r\n".utf8) : [])
          _ = wire.socket.write(loading)
          wire.waitForEnd()
        } _: { peer in
          try await withClient(of: peer.url, { $0.attempts = 3 }) { client in
            let storage = RedisStorage(client)
            let failed = try await failure {
              switch operation {
              case 0: _ = try await client.send(.set("k", to: [1]))
              case 1: try await storage.set("k", to: [1])
              case 2: _ = try await storage.delete("k")
              default: _ = try await client.withTransaction { $0.append(.set("k", to: [1])) }
              }
            }
            #expect(failed?.code == .notConnected, "operation \(operation)")
            #expect(failed?.outcome == .unknown, "operation \(operation)")
          }
        }
      }
    }

    @Test func `what is refused at the first attempt was not done`() async throws {
      let loading = loading
      try await ScriptedPeer.run { wire, _ in
        _ = wire.command()
        _ = wire.socket.write(loading)
        wire.waitForEnd()
      } _: { peer in
        try await withClient(of: peer.url) { client in
          let failed = try await failure { _ = try await client.send(.set("k", to: [1])) }
          #expect(failed?.outcome == .notDone)
        }
      }
    }

    @Test func `of many keys some may be set when one is refused`() async throws {
      try await ScriptedPeer.run { wire, _ in
        _ = wire.command()
        _ = wire.command()
        _ = wire.socket.write(Array("+OK\r\n-OOM command not allowed\r\n".utf8))
        wire.waitForEnd()
      } _: { peer in
        try await withClient(of: peer.url) { client in
          let failed = try await failure {
            try await RedisStorage(client).setMany(["a": [1], "b": [2]])
          }
          #expect(failed?.code == .refused)
          #expect(failed?.outcome == .unknown)
        }
      }
    }

    @Test func `a server that refuses MULTI does the commands all the same`() async throws {
      try await RedisServer.run { server in
        _ = try await server.ask("ACL", "SETUSER", "me", "on", ">word", "~*", "+@all", "-multi")
        try await server.withClient({
          $0.user = "me"
          $0.password = "word"
        }) { client in
          let failed = try await failure {
            _ = try await client.withTransaction { $0.append(.set("k", to: [1])) }
          }
          #expect(failed?.code == .refused)
          #expect(failed?.outcome == .unknown)
          #expect(try await server.ask("EXISTS", "k") == .integer(1))
        }
      }
    }

    @Test func `a WATCH that is lost is tried again on another connection`() async throws {
      let watches = Guarded(0)
      try await ScriptedPeer.run { wire, _ in
        guard wire.command()?.first == "WATCH" else { return }
        // The first comes, and the connection is lost.
        let count = watches.withLock { count in
          count += 1
          return count
        }
        guard count > 1 else { return }
        _ = wire.socket.write(Array("+OK\r\n".utf8))
        guard wire.command()?.first == "UNWATCH" else { return }
        _ = wire.socket.write(Array("+OK\r\n".utf8))
        wire.waitForEnd()
      } _: { peer in
        try await withClient(of: peer.url, { $0.attempts = 3 }) { client in
          let result = try await client.withTransaction(watching: ["k"]) { _ in 7 }
          #expect(result == .committed(7, replies: []))
          #expect(watches.withLock { $0 } == 2)
        }
      }
    }

    @Test func `a subscription that the queue has no room for is refused`() async throws {
      try await withClient(of: "redis://127.0.0.1:1", { $0.mostWaitingBytes = 64 }) { client in
        let failed = try await failure {
          _ = try await client.subscribe(to: [String(repeating: "c", count: 100)])
        }
        #expect(failed?.code == .queueFull)
        #expect(failed?.outcome == .notDone)
      }
    }
  }
}
