import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  /// A memory stands in for a server that is gone.
  @Suite struct Degraded {
    private func options() -> DegradedStorage.Options {
      var options = DegradedStorage.Options()
      options.retryAfter = .milliseconds(50)
      options.longestRetryAfter = .milliseconds(50)
      return options
    }

    private func redis(_ server: RedisServer) throws -> RedisStorage {
      var options = try server.clientOptions()
      options.attempts = 2
      return RedisStorage(options)
    }

    @Test func `writes made while the server is gone are replayed when it is back`() async throws {
      try await RedisServer.run(RedisServer.Options(isDurable: true)) { server in
        let redis = try redis(server)
        let storage = try DegradedStorage(redis, options: options())
        try await storage.set("before", to: [1], expire: nil)
        let answer = try await storage.answer(isRead: true) { storage throws(StorageError) in
          try await storage.get("before")
        }
        #expect(answer.value == [1])
        #expect(answer.source == .primary)
        #expect(await storage.health().status == .healthy)

        try await server.kill()
        try await eventually("the stand-in answers") {
          (try? await storage.set("during", to: [2], expire: nil)) != nil
        }
        for n in 0..<100 { try await storage.set("n\(n)", to: Array("\(n)".utf8), expire: nil) }
        #expect(try await storage.increment("count", by: 5) == 5)
        #expect(try await storage.get("during") == [2])
        let degraded = await storage.health()
        #expect(degraded.status == .degraded)
        #expect(degraded.reason?.isEmpty == false)
        #expect(storage.figures.isStandingIn)
        #expect(storage.figures.waiting >= 102)

        try await server.restart()
        try await eventually("the server answers again") {
          let answer = try await storage.answer(isRead: true) { storage throws(StorageError) in
            try await storage.get("during")
          }
          return answer.source == .primary && !storage.figures.isStandingIn
        }
        #expect(storage.figures.waiting == 0)
        #expect(storage.figures.replayed >= 102)
        #expect(storage.figures.failed == 0 && storage.figures.unknown == 0)
        for n in 0..<100 { #expect(try await server.ask("GET", "n\(n)").text == "\(n)") }
        #expect(try await server.ask("GET", "count").text == "5")
        #expect(try await storage.get("before") == [1])
        #expect(await storage.health().status == .healthy)
        await storage.close()
      }
    }

    @Test func `writes are dropped where that is asked for`() async throws {
      try await RedisServer.run(RedisServer.Options(isDurable: true)) { server in
        var options = options()
        options.writes = .drop
        let storage = try DegradedStorage(try redis(server), options: options)
        try await storage.set("k", to: [1], expire: nil)
        try await server.kill()
        try await eventually("the stand-in answers") {
          (try? await storage.set("k", to: [2], expire: nil)) != nil
        }
        #expect(try await storage.get("k") == [2])
        try await server.restart()
        try await eventually("the server answers again") {
          _ = try await storage.exists("k")
          return !storage.figures.isStandingIn
        }
        #expect(try await storage.get("k") == [1])
        #expect(storage.figures.dropped >= 1)
        #expect(storage.figures.replayed == 0)
        await storage.close()
      }
    }

    @Test func `tasks that write through an outage lose nothing that was acknowledged`()
      async throws
    {
      try await RedisServer.run(RedisServer.Options(isDurable: true)) { server in
        let storage = try DegradedStorage(try redis(server), options: options())
        try await storage.connect()
        let acknowledged = try await withThrowingTaskGroup(of: [String].self) { group in
          for task in 0..<16 {
            group.addTask {
              var keys: [String] = []
              for n in 0..<60 {
                let key = "k\(task):\(n)"
                do throws(StorageError) {
                  try await storage.set(key, to: Array(key.utf8), expire: nil)
                  keys.append(key)
                } catch {
                  // It was under way when the server went.
                  #expect(error.outcome == .unknown, "\(error)")
                }
              }
              return keys
            }
          }
          try await server.kill()
          try await server.restart()
          return try await group.reduce(into: []) { $0 += $1 }
        }
        try await eventually("the server answers again") {
          _ = try? await storage.exists("k")
          return !storage.figures.isStandingIn && storage.figures.waiting == 0
        }
        let replies = try await server.ask(acknowledged.map { ["GET", $0] })
        for (key, reply) in zip(acknowledged, replies) { #expect(reply.text == key) }
        #expect(acknowledged.count > 900)
        #expect(storage.figures.failed == 0)
        await storage.close()
      }
    }
  }
}
