import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct Blocking {
    @Test func `a command that blocks holds up no others`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.timeout = .seconds(2) }) { client in
          let popped = Task { try await client.send(RedisCommand("BLPOP", "queue", 10)) }
          try await eventually("it blocks") {
            try await server.ask("INFO", "clients").text?.contains("blocked_clients:1\r\n") == true
          }
          for n in 0..<100 {
            let reply = try await client.send(.set("k\(n)", to: [1]))
            #expect(reply == .simple("OK"))
          }
          _ = try await client.send(RedisCommand("RPUSH", "queue", "job"))
          #expect(
            try await popped.value
              == .array([.string(Array("queue".utf8)), .string(Array("job".utf8))]))
        }
      }
    }

    @Test func `its own time-out is longer than an ordinary command's`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.timeout = .milliseconds(300) }) { client in
          let reply = try await client.send(RedisCommand("BLPOP", "queue", 1))
          #expect(reply == .null)
        }
      }
    }

    @Test func `a cancelled one takes nothing away from the next`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let first = Task { try await client.send(RedisCommand("BLPOP", "queue", 0)) }
          try await eventually("it blocks") {
            try await server.ask("INFO", "clients").text?.contains("blocked_clients:1\r\n") == true
          }
          first.cancel()
          let failed = try await failure { _ = try await first.value }
          #expect(failed?.code == .cancelled)
          try await eventually("nobody blocks any more") {
            try await server.ask("INFO", "clients").text?.contains("blocked_clients:0\r\n") == true
          }
          _ = try await client.send(RedisCommand("RPUSH", "queue", "job"))
          #expect(
            try await client.send(RedisCommand("BLPOP", "queue", 1))
              == .array([.string(Array("queue".utf8)), .string(Array("job".utf8))]))
        }
      }
    }

    @Test func `more of them than there are connections wait their turn`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.dedicatedConnections = 2 }) { client in
          let all = (0..<6).map { _ in
            Task { try await client.send(RedisCommand("BLPOP", "queue", 10)) }
          }
          try await eventually("two block") {
            try await server.ask("INFO", "clients").text?.contains("blocked_clients:2\r\n") == true
          }
          for n in 0..<6 {
            _ = try await client.send(RedisCommand("RPUSH", "queue", .text("\(n)")))
          }
          var jobs: Set<String> = []
          for task in all {
            if let job = try await task.value.elements?.last?.text { jobs.insert(job) }
          }
          #expect(jobs == Set((0..<6).map(String.init)))
        }
      }
    }
  }
}
