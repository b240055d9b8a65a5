import Foundation
import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct Lifecycle {
    @Test func `200 clients, opened, used and closed, leave no descriptor and no thread`()
      async throws
    {
      await #expect(processExitsWith: .success) {
        try await RedisServer.run { server in
          try await Rounds.check("closed") {
            let client = RedisClient(try server.clientOptions())
            guard try await client.send(.ping()) == .simple("PONG") else {
              throw FixtureFailure("no answer")
            }
            let subscription = try await client.subscribe(to: ["c"])
            _ = try await client.withTransaction(watching: ["k"]) { $0.queue(.get("k")) }
            subscription.cancel()
            await client.close()
          }
        }
      }
    }

    @Test func `200 clients that are let go without a close leave nothing either`() async throws {
      await #expect(processExitsWith: .success) {
        try await RedisServer.run { server in
          try await Rounds.check("let go") {
            let client = RedisClient(try server.clientOptions())
            guard try await client.send(.ping()) == .simple("PONG") else {
              throw FixtureFailure("no answer")
            }
          }
        }
      }
    }

    @Test func `200 clients of a server that is not there leave nothing either`() async throws {
      await #expect(processExitsWith: .success) {
        let listener = try Socket.listening()
        let port = try listener.port()
        listener.end()
        try await Rounds.check("refused") {
          var options = try RedisOptions(url: "redis://127.0.0.1:\(port)")
          options.attempts = 1
          options.timeout = .milliseconds(100)
          let client = RedisClient(options)
          guard try await failure({ _ = try await client.send(.ping()) }) != nil else {
            throw FixtureFailure("an answer from nobody")
          }
          await client.close()
        }
      }
    }

    @Test func `200 clients that are closed while commands are under way leave nothing either`()
      async throws
    {
      await #expect(processExitsWith: .success) {
        try await ScriptedPeer.run({ wire, _ in wire.waitForEnd() }) { peer in
          try await Rounds.check("under way") {
            let client = RedisClient(try RedisOptions(url: peer.url))
            let tasks = (0..<20).map { n in
              Task { try await failure { _ = try await client.send(.get("k\(n)")) } }
            }
            try await eventually("they are under way") { client.figures.waiting == 20 }
            await client.close()
            for task in tasks {
              guard try await task.value?.code == .notConnected else {
                throw FixtureFailure("not told that it was closed")
              }
            }
          }
        }
      }
    }

    @Test func `after close commands fail until it is connected again`() async throws {
      try await RedisServer.run { server in
        let client = RedisClient(try server.clientOptions())
        _ = try await client.send(.set("k", to: [1]))
        await client.close()
        await client.close()
        let failed = try await failure { _ = try await client.send(.get("k")) }
        #expect(failed?.code == .notConnected)
        #expect(failed?.outcome == .notDone)
        try await client.connect()
        try await client.connect()
        #expect(try await client.send(.get("k")) == .string([1]))
        await client.close()
      }
    }

    @Test func `health tells up from down`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let before = await client.health()
          #expect(before.status == .healthy)
          #expect(before.latency != nil)
          try await server.kill()
          try await eventually("it notices") { await client.health().status == .unhealthy }
          #expect(await client.health().reason?.isEmpty == false)
          try await server.restart()
          try await eventually("it recovers") { await client.health().status == .healthy }
        }
      }
    }
  }
}

/// Does something 200 times, and looks at what is left: in a process of its own, where nobody else opens
/// anything.
enum Rounds {
  /// Of the thread that each client has.
  private static let loopName = "holdfast-redis"
  private static let rounds = 200

  static func check(_ what: String, _ round: () async throws -> Void) async throws {
    // What is made once, such as the threads of tasks, is there after some of them.
    for _ in 0..<20 { try await round() }
    try await loopsEnd(what)
    let before = try figures()
    for _ in 0..<rounds { try await round() }
    try await loopsEnd(what)
    let after = try figures()
    // One thing left by each round would be far more. The system's own may come and go.
    guard after.descriptors < before.descriptors + rounds / 10,
      after.threads < before.threads + rounds / 10
    else { throw FixtureFailure("\(what): there were \(before), now there are \(after)") }
  }

  /// Waits until no client's thread is left: that of one that was let go ends by itself.
  private static func loopsEnd(_ what: String) async throws {
    try await eventually("\(what): the threads of clients end") {
      try threads().allSatisfy { $0 != loopName }
    }
  }

  private struct Figures {
    let descriptors: Int
    let threads: Int
  }

  private static func figures() throws -> Figures {
    Figures(descriptors: try entries("fd").count, threads: try entries("task").count)
  }

  private static func entries(_ kind: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(kind)")
  }

  private static func threads() throws -> [String] {
    try entries("task").map { task in
      let name = try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)
      return (name ?? "").trimmingCharacters(in: .newlines)
    }
  }
}
