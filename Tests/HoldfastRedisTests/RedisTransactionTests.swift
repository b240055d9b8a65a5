import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct Transactions {
    @Test func `commands between MULTI and EXEC are done as one`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let replies = try await client.withTransaction { transaction in
            transaction.append(.set("a", to: Array("1".utf8)))
            transaction.append(.increment("a", by: 4))
            transaction.append(.get("a"))
          }
          #expect(replies == [.simple("OK"), .integer(5), .string(Array("5".utf8))])
        }
      }
    }

    @Test func `a command that cannot be queued aborts all`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let failed = try await failure {
            _ = try await client.withTransaction { transaction in
              transaction.append(.set("a", to: [1]))
              transaction.append("NOSUCHCOMMAND", "x")
            }
          }
          #expect(failed?.code == .server)
          #expect(failed?.outcome == .notDone)
          #expect(try await server.ask("EXISTS", "a") == .integer(0))
          // The connection that all share is not left within a transaction.
          #expect(try await client.send(.set("b", to: [1])) == .simple("OK"))
        }
      }
    }

    @Test func `a fault of one command stays in its place, and the others are done`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let replies = try await client.withTransaction { transaction in
            transaction.append(.set("a", to: [1]))
            transaction.append("LPUSH", "a", "x")
            transaction.append(.set("b", to: [2]))
          }
          #expect(replies.count == 3)
          guard case .fault(let fault) = replies[1] else {
            Issue.record("\(replies[1]) is no fault")
            return
          }
          #expect(fault.prefix == "WRONGTYPE")
          #expect(try await server.ask("EXISTS", "a", "b") == .integer(2))
        }
      }
    }

    @Test func `transactions of many tasks do not mix on the one connection`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<20 {
              group.addTask {
                for _ in 0..<20 {
                  let replies = try await client.withTransaction { transaction in
                    transaction.append("RPUSH", "l", .text("\(task)"))
                    transaction.append("RPUSH", "l", .text("\(task)"))
                  }
                  #expect(replies.count == 2)
                }
              }
            }
            try await group.waitForAll()
          }
          guard case .array(let list) = try await server.ask("LRANGE", "l", "0", "-1") else {
            Issue.record("no list")
            return
          }
          #expect(list.count == 800)
          for pair in stride(from: 0, to: 800, by: 2) {
            #expect(list[pair] == list[pair + 1])
          }
        }
      }
    }

    @Test func `a watched key that changes aborts, and one that does not commits`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          _ = try await client.send(.set("stock", to: Array("3".utf8)))
          let aborted = try await client.withTransaction(watching: ["stock"]) { transaction in
            let stock = try await transaction.send(.get("stock")).text
            // Somebody else is quicker.
            _ = try await client.send(.increment("stock"))
            transaction.queue("DECR", "stock")
            return stock
          }
          #expect(aborted == .aborted)
          #expect(try await client.send(.get("stock")).text == "4")
          let committed = try await client.withTransaction(watching: ["stock"]) { transaction in
            let stock = try await transaction.send(.get("stock")).text
            transaction.queue("DECR", "stock")
            return stock
          }
          #expect(committed == .committed("4", replies: [.integer(3)]))
        }
      }
    }

    @Test func `counting by WATCH from many tasks loses nothing`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.dedicatedConnections = 4 }) { client in
          try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
              group.addTask {
                var done = 0
                while done < 5 {
                  let result = try await client.withTransaction(watching: ["n"]) { transaction in
                    let n = Int(try await transaction.send(.get("n")).text ?? "0") ?? 0
                    transaction.queue(.set("n", to: Array("\(n + 1)".utf8)))
                    return n
                  }
                  if result.value != nil { done += 1 }
                }
              }
            }
            try await group.waitForAll()
          }
          #expect(try await server.ask("GET", "n").text == "40")
        }
      }
    }

    @Test func `a connection that is lost between WATCH and EXEC aborts`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          _ = try await client.send(.set("stock", to: Array("3".utf8)))
          let result = try await client.withTransaction(watching: ["stock"]) { transaction in
            let stock = try await transaction.send(.get("stock")).text
            try await server.dropClients()
            // A change that a watch of before would have seen.
            _ = try await server.ask("SET", "stock", "100")
            transaction.queue("DECR", "stock")
            return stock
          }
          #expect(result == .aborted)
          #expect(try await server.ask("GET", "stock").text == "100")
        }
      }
    }

    struct Refusal: Error {}

    @Test func `an error of the body does nothing, and the connection serves the next`()
      async throws
    {
      try await RedisServer.run { server in
        try await server.withClient({ $0.dedicatedConnections = 1 }) { client in
          await #expect(throws: Refusal.self) {
            try await client.withTransaction(watching: ["a"]) { transaction in
              transaction.queue(.set("a", to: [1]))
              throw Refusal()
            }
          }
          #expect(try await server.ask("EXISTS", "a") == .integer(0))
          // What the first one watched does not concern the second.
          let result = try await client.withTransaction(watching: ["b"]) { transaction in
            _ = try await server.ask("SET", "a", "2")
            transaction.queue(.set("b", to: [1]))
            return 1
          }
          #expect(result == .committed(1, replies: [.simple("OK")]))
        }
      }
    }

    @Test func `a command that cannot be queued aborts a watched one too`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.dedicatedConnections = 1 }) { client in
          let failed = try await failure {
            _ = try await client.withTransaction(watching: ["a"]) { transaction in
              transaction.queue(.set("a", to: [1]))
              transaction.queue("NOSUCHCOMMAND")
            }
          }
          #expect(failed?.code == .server)
          #expect(failed?.outcome == .notDone)
          #expect(try await server.ask("EXISTS", "a") == .integer(0))
        }
      }
    }
  }
}
