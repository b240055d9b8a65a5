import Foundation
import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct Subscriptions {
    @Test func `messages come in order from the moment that it is in force`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          for round in 0..<10 {
            let subscription = try await client.subscribe(to: ["a\(round)", "b\(round)"])
            for n in 0..<100 {
              let channel = n % 2 == 0 ? "a\(round)" : "b\(round)"
              _ = try await client.send(.publish(Array("\(n)".utf8), to: channel))
            }
            var messages = subscription.makeAsyncIterator()
            for n in 0..<100 {
              let message = try await messages.next()
              #expect(message?.payload == Array("\(n)".utf8))
              #expect(message?.channel == (n % 2 == 0 ? "a\(round)" : "b\(round)"))
            }
            #expect(subscription.losses == StorageSubscription.Losses())
            subscription.cancel()
            #expect(try await messages.next() == nil)
          }
        }
      }
    }

    @Test func `patterns bring the channel's own name`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let subscription = try await client.subscribe(to: [], patterns: ["news.*"])
          _ = try await client.send(.publish([1], to: "news.today"))
          var messages = subscription.makeAsyncIterator()
          #expect(
            try await messages.next() == StorageMessage(channel: "news.today", payload: [1]))
          subscription.cancel()
        }
      }
    }

    @Test func `two subscriptions of a channel both get all, and the last one ends it`()
      async throws
    {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let one = try await client.subscribe(to: ["c"])
          let two = try await client.subscribe(to: ["c"])
          #expect(try await client.send(.publish([1], to: "c")) == .integer(1))
          var first = one.makeAsyncIterator()
          var second = two.makeAsyncIterator()
          #expect(try await first.next()?.payload == [1])
          #expect(try await second.next()?.payload == [1])
          one.cancel()
          #expect(try await client.send(.publish([2], to: "c")) == .integer(1))
          #expect(try await second.next()?.payload == [2])
          two.cancel()
          try await eventually("nobody is subscribed") {
            try await server.ask("PUBSUB", "NUMSUB", "c")
              == .array([.bytes(Array("c".utf8)), .integer(0)])
          }
        }
      }
    }

    @Test func `after a loss it is subscribed again, and the gap is counted`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.attempts = 100 }) { client in
          let subscription = try await client.subscribe(to: ["c"], patterns: ["p*"])
          var messages = subscription.makeAsyncIterator()
          for round in 1...3 {
            if round < 3 {
              _ = try await server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            } else {
              try await server.kill()
              try await server.restart()
            }
            try await eventually("it is subscribed again") {
              guard
                try await server.ask("PUBSUB", "NUMSUB", "c")
                  == .array([.bytes(Array("c".utf8)), .integer(1)])
              else { return false }
              return try await server.ask("PUBSUB", "NUMPAT") == .integer(1)
            }
            #expect(subscription.losses.gaps == round)
            _ = try await client.send(.publish([UInt8(round)], to: "c"))
            #expect(try await messages.next()?.payload == [UInt8(round)])
            _ = try await client.send(.publish([UInt8(round)], to: "p1"))
            #expect(try await messages.next()?.channel == "p1")
          }
          subscription.cancel()
        }
      }
    }

    @Test func `who does not take messages loses the oldest, and hears how many`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let subscription = try await client.subscribe(to: ["c"])
          let replies = try await client.withPipeline { pipeline in
            for n in 0..<3_000 { pipeline.append(.publish(Array("\(n)".utf8), to: "c")) }
          }
          #expect(replies.count == 3_000)
          try await eventually("all have come") { subscription.losses.dropped == 3_000 - 1_024 }
          var messages = subscription.makeAsyncIterator()
          #expect(try await messages.next()?.payload == Array("\(3_000 - 1_024)".utf8))
          #expect(subscription.losses.gaps == 0)
          subscription.cancel()
        }
      }
    }

    @Test func `a cancelled task stops waiting, and the subscription goes on`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          let subscription = try await client.subscribe(to: ["c"])
          let task = Task {
            var messages = subscription.makeAsyncIterator()
            return try await messages.next()
          }
          task.cancel()
          // It ends, whichever way it says so.
          _ = try? await task.value
          _ = try await client.send(.publish([9], to: "c"))
          var messages = subscription.makeAsyncIterator()
          #expect(try await messages.next()?.payload == [9])
          subscription.cancel()
        }
      }
    }

    @Test func `closing the client ends it`() async throws {
      try await RedisServer.run { server in
        let client = RedisClient(try server.clientOptions())
        let subscription = try await client.subscribe(to: ["c"])
        let task = Task {
          var count = 0
          for try await _ in subscription { count += 1 }
          return count
        }
        _ = try await client.send(.publish([1], to: "c"))
        await client.close()
        let ended = try? await task.value
        #expect(ended == nil || ended == 0 || ended == 1)
      }
    }

    @Test func `one that is given up before there is a connection is not left to the server`()
      async throws
    {
      let gate = DispatchSemaphore(value: 0)
      let heard = Guarded<[String]>([])
      try await ScriptedPeer.run(greets: false) { wire, _ in
        guard wire.command()?.first == "AUTH" else { return }
        gate.wait()
        gate.signal()
        _ = wire.socket.write(Array("+OK\r\n".utf8))
        while let command = wire.command() {
          heard.withLock { $0.append(command.joined(separator: " ")) }
        }
      } _: { peer in
        defer { gate.signal() }
        try await withClient(of: peer.url, { $0.password = "word" }) { client in
          let task = Task { try await failure { _ = try await client.subscribe(to: ["c"]) } }
          // The connection of the commands, and that of the subscriptions.
          try await eventually("it connects") { peer.accepted == 2 }
          task.cancel()
          #expect(try await task.value?.code == .cancelled)
          gate.signal()
          try await eventually("it is taken back", within: .seconds(5)) {
            heard.withLock { $0 } == ["SUBSCRIBE c", "UNSUBSCRIBE c"]
          }
        }
      }
    }

    @Test func `subscribing without a server is an error`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          try await server.kill()
          let failed = try await failure { _ = try await client.subscribe(to: ["c"]) }
          #expect(failed?.code == .notConnected)
        }
      }
    }
  }
}
