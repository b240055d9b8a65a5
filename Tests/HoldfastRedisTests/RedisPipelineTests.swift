import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct Pipelines {
    @Test func `replies come in the order of the commands, with faults in their place`()
      async throws
    {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let replies = try await client.withPipeline { pipeline in
            pipeline.append(.set("a", to: [1]))
            pipeline.append("LPUSH", "a", "x")
            pipeline.append(.increment("n", by: 5))
            pipeline.append(.get("a"))
            pipeline.append(.get("nothing"))
          }
          #expect(replies.count == 5)
          #expect(replies[0] == .simple("OK"))
          guard case .fault(let fault) = replies[1] else {
            Issue.record("\(replies[1]) is no fault")
            return
          }
          #expect(fault.prefix == "WRONGTYPE")
          #expect(replies[2...] == [.integer(5), .string([1]), .null])
        }
      }
    }

    @Test func `pipelines of many tasks do not mix`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
              group.addTask {
                for round in 0..<10 {
                  let replies = try await client.withPipeline { pipeline in
                    for n in 0..<20 { pipeline.append("ECHO", .text("\(task) \(round) \(n)")) }
                  }
                  #expect(replies.map(\.text) == (0..<20).map { "\(task) \(round) \($0)" })
                }
              }
            }
            try await group.waitForAll()
          }
        }
      }
    }

    @Test func `a large pipeline comes through`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let value = [UInt8](repeating: 7, count: 300)
          let replies = try await client.withPipeline { pipeline in
            for n in 0..<10_000 { pipeline.append(.set("k\(n)", to: value)) }
          }
          #expect(replies == Array(repeating: .simple("OK"), count: 10_000))
          #expect(try await server.ask("DBSIZE") == .integer(10_000))
        }
      }
    }

    @Test func `an empty pipeline has no replies`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let replies = try await client.withPipeline { _ in }
          #expect(replies.isEmpty)
        }
      }
    }

    @Test func `a pipeline cut in its midst is unknown, and is not sent again`() async throws {
      try await RedisServer.run { server in
        try await FaultProxy.run(before: server) { proxy in
          try await HoldfastRedisTests.withClient(of: proxy.url, { $0.attempts = 5 }) { client in
            try await client.connect()
            proxy.set(.cut(after: 10))
            let failed = try await failure {
              _ = try await client.withPipeline { pipeline in
                for _ in 0..<10 { pipeline.append(.increment("n")) }
              }
            }
            #expect(failed?.code == .connectionLost)
            #expect(failed?.outcome == .unknown)
            #expect(try await client.send(.get("n")).text == "10")
          }
        }
      }
    }

    @Test func `a pipeline of what is repeatable is tried again`() async throws {
      try await RedisServer.run { server in
        try await FaultProxy.run(before: server) { proxy in
          try await HoldfastRedisTests.withClient(of: proxy.url, { $0.attempts = 5 }) { client in
            try await client.connect()
            proxy.set(.cut(after: 10))
            let replies = try await client.withPipeline { pipeline in
              for n in 0..<10 { pipeline.append(.set("k\(n)", to: [1])) }
            }
            #expect(replies == Array(repeating: .simple("OK"), count: 10))
          }
        }
      }
    }
  }
}
