import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct Scripts {
    static let script = RedisScript("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")

    @Test func `a script runs, also after the server forgot it`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          for round in 1...3 {
            let reply = try await client.run(Self.script, keys: ["k"], arguments: ["a"])
            #expect(
              reply
                == .array([
                  .string(Array("k".utf8)), .string(Array("a".utf8)), .integer(Int64(round)),
                ]))
            if round == 2 { #expect(try await server.ask("SCRIPT", "FLUSH") == .simple("OK")) }
          }
          // Its text went over the wire twice, at first and after the server forgot it.
          let statistics = try await server.ask("INFO", "commandstats").text ?? ""
          #expect(statistics.contains("cmdstat_eval:calls=2,"), "\(statistics)")
        }
      }
    }

    @Test func `a script's error is the server's text`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let failed = try await failure {
            _ = try await client.run(
              RedisScript("return redis.error_reply('MINE of my own')"), keys: [], arguments: [])
          }
          #expect(failed?.code == .server)
          #expect(failed?.message.contains("MINE of my own") == true)
          let broken = try await failure {
            _ = try await client.run(RedisScript("this is no Lua"), keys: [], arguments: [])
          }
          #expect(broken?.code == .server)
        }
      }
    }

    @Test func `many tasks run it at once after the server forgot it`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let script = RedisScript("return redis.call('INCR', KEYS[1])")
          try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
              group.addTask { _ = try await client.run(script, keys: ["n"], arguments: []) }
            }
            try await group.waitForAll()
          }
          #expect(try await server.ask("GET", "n").text == "100")
        }
      }
    }
  }
}
