import Foundation
import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  /// What becomes of commands when the server, the network or the peer does not do its part.
  ///
  /// The value of a key says which key it is, so an answer that reaches the wrong caller is seen.
  @Suite struct Faults {
    @Test func `a server that is killed in mid-stream and started again serves on`() async throws {
      try await RedisServer.run(RedisServer.Options(isDurable: true)) { server in
        try await server.withClient({ $0.attempts = 100 }) { client in
          for n in 0..<64 { _ = try await client.send(.set("k\(n)", to: Array("v\(n)".utf8))) }
          try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<32 {
              group.addTask {
                for n in 0..<100 {
                  let key = (task * 7 + n) % 64
                  do throws(StorageError) {
                    let reply = try await client.send(.get("k\(key)"))
                    #expect(reply.text == "v\(key)")
                  } catch {
                    // A server that is just back says so while it reads its file.
                    #expect(error.message.hasPrefix("LOADING"), "\(error)")
                  }
                }
              }
            }
            for _ in 0..<3 {
              try await server.kill()
              try await server.restart()
            }
            try await group.waitForAll()
          }
          // The reads may have ended between two of them.
          #expect(try await client.send(.get("k1")).text == "v1")
          #expect(client.figures.connections >= 2)
        }
      }
    }

    @Test func `what is not repeatable and was under way is reported as unknown`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          try await client.connect()
          let before = client.figures.bytesSent
          try await server.pause()
          async let increment = failure { _ = try await client.send(.increment("n")) }
          async let read: RedisReply = client.send(.get("n"))
          try await eventually("both are on their way") {
            client.figures.bytesSent == before + 50
          }
          try await server.kill()
          let failed = try await increment
          #expect(failed?.code == .connectionLost)
          #expect(failed?.outcome == .unknown)
          try await server.restart()
          // The read was tried again by itself; or its attempts were used up before the server was back.
          if let reply = try? await read { #expect(reply == .null) }
          #expect(try await client.send(.increment("n")) == .integer(1))
        }
      }
    }

    @Test func `without a server a command says so, and that nothing was sent`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          try await client.connect()
          try await server.kill()
          for command in [RedisCommand.get("k"), .increment("k")] {
            let failed = try await failure { _ = try await client.send(command) }
            // The loss itself may be noticed by the first command alone.
            if failed?.outcome == .notDone {
              #expect(failed?.code == .notConnected)
              #expect(failed?.message.contains("refused") == true, "\(String(describing: failed))")
            } else {
              #expect(failed?.code == .connectionLost)
            }
          }
          try await server.restart()
          try await eventually("it serves again") {
            (try? await client.send(.ping())) == .simple("PONG")
          }
        }
      }
    }

    @Test func `a paused server times commands out, and its late replies reach nobody`()
      async throws
    {
      try await RedisServer.run { server in
        try await server.withClient({ $0.attempts = 1 }) { client in
          for n in 0..<200 { _ = try await client.send(.set("k\(n)", to: Array("v\(n)".utf8))) }
          try await server.pause()
          try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<100 {
              group.addTask {
                let failed = try await failure {
                  _ = try await client.send(.get("k\(n)"), deadline: .milliseconds(100))
                }
                #expect(failed?.code == .timedOut)
              }
            }
            try await group.waitForAll()
          }
          #expect(client.figures.expired == 100)
          // These are sent behind the ones whose time is over, and answered after them.
          try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 100..<200 {
              group.addTask {
                let reply = try await client.send(.get("k\(n)"))
                #expect(reply.text == "v\(n)")
              }
            }
            try await eventually("they wait") { client.figures.waiting >= 100 }
            try await server.resume()
            try await group.waitForAll()
          }
          #expect(client.figures.lateReplies == 100)
          #expect(client.figures.connections == 1)
        }
      }
    }

    @Test func `a reply that is cut at any byte reaches nobody, and the next command is answered`()
      async throws
    {
      try await RedisServer.run { server in
        try await FaultProxy.run(before: server) { proxy in
          _ = try await server.ask([
            ["SET", "text", "a value\r\nof two lines"], ["RPUSH", "list", "one", "", "three"],
            ["HSET", "hash", "field", "value"], ["SET", "number", "12345"],
          ])
          let asked: [(command: RedisCommand, bytes: Int, reply: RedisReply)] = [
            (.get("text"), 28, .string(Array("a value\r\nof two lines".utf8))),
            (
              RedisCommand("LRANGE", "list", 0, -1), 30,
              .array([.string(Array("one".utf8)), .string([]), .string(Array("three".utf8))])
            ),
            (RedisCommand("STRLEN", "text"), 5, .integer(21)),
            (.get("nothing"), 5, .null),
            (.ping(), 7, .simple("PONG")),
          ]
          try await withClient(of: proxy.url) { client in
            try await client.connect()
            for (command, bytes, reply) in asked {
              // The replies' lengths are what the server says.
              let before = proxy.figures.replyBytes
              #expect(try await client.send(command) == reply)
              #expect(proxy.figures.replyBytes - before == bytes, "\(command)")
              for cut in 0..<bytes {
                proxy.set(.cut(after: cut))
                let failed = try await failure { _ = try await client.send(command) }
                #expect(failed?.code == .connectionLost, "\(command), cut after \(cut)")
                #expect(failed?.outcome == .unknown)
                try await eventually("it is answered again") {
                  (try? await client.send(command)) == reply
                }
              }
            }
          }
          // With more than one attempt a repeatable command does not even notice.
          try await withClient(of: proxy.url, { $0.attempts = 10 }) { client in
            for cut in 0..<28 {
              proxy.set(.cut(after: cut))
              let reply = try await client.send(.get("text"))
              #expect(reply == .string(Array("a value\r\nof two lines".utf8)))
            }
            #expect(client.figures.retries >= 28)
          }
        }
      }
    }

    @Test func `replies that drip in byte by byte are whole`() async throws {
      try await RedisServer.run { server in
        try await FaultProxy.run(before: server) { proxy in
          try await withClient(of: proxy.url) { client in
            let value = [UInt8](repeating: 0x0D, count: 50) + Array("\r\n$5\r\n".utf8)
            _ = try await client.send(.set("k", to: value))
            proxy.set(.drip(pause: .microseconds(100)))
            #expect(try await client.send(.get("k")) == .string(value))
            let replies = try await client.withPipeline { pipeline in
              for _ in 0..<10 { pipeline.append(.get("k")) }
            }
            #expect(replies == Array(repeating: .string(value), count: 10))
          }
        }
      }
    }

    /// Each in place of a reply: what is no reply by the protocol's rules.
    static let garbage: [(name: String, bytes: [UInt8])] = [
      ("another protocol", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
      ("zeros", [UInt8](repeating: 0, count: 64)),
      ("a length that is no number", Array("$abc\r\n".utf8)),
      ("a length below -1", Array("$-7\r\n".utf8)),
      ("a length of 20 digits", Array("$99999999999999999999\r\n".utf8)),
      ("an array of 2^31", Array("*2147483648\r\n".utf8)),
      ("an array of a negative length", Array("*-9\r\n".utf8)),
      ("a number that is none", Array(":12x\r\n".utf8)),
      ("a reply of 600 MB", Array("$629145600\r\n".utf8) + [UInt8](repeating: 0x41, count: 4_096)),
      ("600 million elements", Array("*600000000\r\n".utf8)),
      (
        "nesting 100 deep",
        Array(String(repeating: "*1\r\n", count: 100).utf8) + Array(":1\r\n".utf8)
      ),
      ("a line without an end", [0x2B] + [UInt8](repeating: 0x41, count: 200_000)),
      ("a reply that nobody asked for", Array("$1\r\nv\r\n$1\r\nw\r\n".utf8)),
    ]

    @Test(arguments: garbage.indices)
    func `garbage is an error, and the next connection is answered`(_ index: Int) async throws {
      let (name, bytes) = Self.garbage[index]
      let script: ScriptedPeer.Script = { wire, number in
        while wire.command() != nil {
          guard number == 1 else {
            wire.socket.write(Array("$1\r\nv\r\n".utf8))
            continue
          }
          wire.socket.write(bytes)
          wire.waitForEnd()
        }
      }
      try await ScriptedPeer.run(script) { peer in
        try await withClient(of: peer.url) { client in
          let first = await Result<RedisReply, any Error>.of { try await client.send(.get("k")) }
          switch first {
          case .success(let reply):
            // Its own reply came first; what is wrong comes after.
            #expect(name == "a reply that nobody asked for")
            #expect(reply.text == "v")
          case .failure(let error):
            #expect((error as? StorageError)?.code == .protocolViolation, "\(name): \(error)")
            #expect((error as? StorageError)?.outcome == .unknown, "\(name)")
          }
          try await eventually("\(name): another connection") {
            (try? await client.send(.get("k")))?.text == "v" && peer.accepted >= 2
          }
        }
      }
    }

    @Test func `garbage in the midst of replies gives nobody another's answer`() async throws {
      try await RedisServer.run { server in
        try await FaultProxy.run(before: server) { proxy in
          try await withClient(of: proxy.url, { $0.attempts = 20 }) { client in
            for n in 10..<60 { _ = try await client.send(.set("k\(n)", to: Array("v\(n)".utf8))) }
            for round in 0..<20 {
              // Between two replies, which are 9 bytes each: within a value nobody could tell.
              proxy.set(.swap(after: round * 9, for: Array("!\(round)\r\n".utf8)))
              try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 10..<60 {
                  group.addTask {
                    let reply = try? await client.send(.get("k\(n)"))
                    #expect(reply == nil || reply?.text == "v\(n)")
                  }
                }
                try await group.waitForAll()
              }
            }
            proxy.set(.none)
            #expect(try await client.send(.get("k17")).text == "v17")
          }
        }
      }
    }

    @Test func `half a reply and silence is a time-out`() async throws {
      let script: ScriptedPeer.Script = { wire, _ in
        guard wire.command() != nil else { return }
        wire.socket.write(Array("$10\r\nabc".utf8))
        wire.waitForEnd()
      }
      try await ScriptedPeer.run(script) { peer in
        try await withClient(of: peer.url, { $0.timeout = .milliseconds(200) }) { client in
          let failed = try await failure { _ = try await client.send(.get("k")) }
          #expect(failed?.code == .timedOut)
          #expect(failed?.outcome == .unknown)
        }
      }
    }

    @Test func `a full queue refuses at once, and what waits is done`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.mostWaiting = 10 }) { client in
          try await client.connect()
          try await server.pause()
          let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for n in 0..<10 {
              group.addTask {
                _ = try await client.send(.set("k\(n)", to: [1]))
                return 1
              }
            }
            try await eventually("ten wait") { client.figures.waiting == 10 }
            let failed = try await failure { _ = try await client.send(.get("k")) }
            #expect(failed?.code == .queueFull)
            #expect(failed?.outcome == .notDone)
            try await server.resume()
            return try await group.reduce(0, +)
          }
          #expect(done == 10)
          #expect(try await server.ask("DBSIZE") == .integer(10))
        }
      }
    }

    @Test func `a server that takes commands and answers none is not given more and more`()
      async throws
    {
      try await RedisServer.run { server in
        try await server.withClient({
          $0.mostWaiting = 10
          $0.attempts = 1
        }) { client in
          try await client.connect()
          try await server.pause()
          try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<10 {
              group.addTask {
                let failed = try await failure {
                  try await client.send(.increment("sent\(n)"), deadline: .milliseconds(100))
                }
                #expect(failed?.code == .timedOut)
                #expect(failed?.outcome == .unknown)
              }
            }
            try await group.waitForAll()
          }
          // As many as may be are without a reply, though nobody waits for it any more.
          let failed = try await failure {
            try await client.send(.increment("unsent"), deadline: .milliseconds(100))
          }
          #expect(failed?.code == .timedOut)
          #expect(failed?.outcome == .notDone)
          try await server.resume()
          #expect(try await client.send(.get("sent9")).text == "1")
          #expect(try await client.send(.get("unsent")) == .null)
        }
      }
    }

    @Test func `bytes that wait are bounded`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.mostWaitingBytes = 100_000 }) { client in
          try await client.connect()
          let failed = try await failure {
            _ = try await client.send(.set("k", to: [UInt8](repeating: 1, count: 200_000)))
          }
          #expect(failed?.code == .queueFull)
          #expect(try await client.send(.get("k")) == .null)
        }
      }
    }

    @Test func `a reply beyond the limit is an error, and the next is answered`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({
          $0.mostReplyBytes = 10_000
          $0.attempts = 1
        }) { client in
          _ = try await client.send(.set("large", to: [UInt8](repeating: 1, count: 20_000)))
          _ = try await client.send(.set("small", to: [2]))
          let failed = try await failure { _ = try await client.send(.get("large")) }
          #expect(failed?.code == .protocolViolation)
          try await eventually("the next is answered") {
            (try? await client.send(.get("small"))) == .string([2])
          }
        }
      }
    }

    @Test func `cancellation in mid-flight leaves the connection usable`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          for n in 0..<100 { _ = try await client.send(.set("k\(n)", to: Array("v\(n)".utf8))) }
          let before = client.figures.bytesSent
          try await server.pause()
          let tasks = (0..<50).map { n in
            Task { try await failure { _ = try await client.send(.increment("n\(n)")) } }
          }
          // 32 bytes for each number of two digits, 31 for the others.
          try await eventually("they are under way") {
            client.figures.bytesSent == before + 40 * 32 + 10 * 31
          }
          for task in tasks { task.cancel() }
          for task in tasks {
            let failed = try await task.value
            #expect(failed?.code == .cancelled)
            #expect(failed?.outcome == .unknown)
          }
          let later = (50..<100).map { n in Task { try await client.send(.get("k\(n)")).text } }
          try await server.resume()
          for (n, task) in later.enumerated() {
            #expect(try await task.value == "v\(n + 50)")
          }
          // The server has done what nobody waited for any more, once.
          for n in 0..<50 { #expect(try await server.ask("GET", "n\(n)").text == "1") }
          #expect(client.figures.connections == 1)
        }
      }
    }

    @Test func `a task that is cancelled before it sends has sent nothing`() async throws {
      try await RedisServer.run { server in
        try await server.withClient { client in
          try await client.connect()
          let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await failure { _ = try await client.send(.increment("n")) }
          }
          task.cancel()
          let failed = try await task.value
          #expect(failed?.code == .cancelled)
          #expect(failed?.outcome == .notDone)
          #expect(try await server.ask("EXISTS", "n") == .integer(0))
        }
      }
    }

    @Test func `after a reconnect it says again who it is, and selects its database`() async throws
    {
      var options = RedisServer.Options()
      options.user = ("ann", "p w%d")
      options.isDurable = true
      try await RedisServer.run(options) { server in
        var given = try RedisOptions(url: "redis://127.0.0.1:\(server.port)/5")
        given.user = "ann"
        given.password = "p w%d"
        given.clientName = "the-client"
        given.retryDelay = .milliseconds(5)
        given.attempts = 100
        let client = RedisClient(given)
        _ = try await client.send(.set("k", to: [1]))
        for _ in 0..<3 {
          try await server.dropClients()
          #expect(try await client.send(.get("k")) == .string([1]))
          #expect(try await client.send(RedisCommand("CLIENT", "GETNAME")).text == "the-client")
          #expect(try await client.send(RedisCommand("ACL", "WHOAMI")).text == "ann")
        }
        try await server.kill()
        try await server.restart()
        #expect(try await client.send(.get("k")) == .string([1]))
        #expect(client.figures.connections == 5)
        // Where the server sees it.
        let seen = try await server.ask([["GET", "k"], ["SELECT", "5"], ["GET", "k"]])
        #expect(seen == [.null, .simple("OK"), .bytes([1])])
        await client.close()
      }
    }

    @Test func `a wrong password is refused at once with the server's text`() async throws {
      try await RedisServer.run(RedisServer.Options(password: "right")) { server in
        for wrong in ["wrong", nil] {
          try await server.withClient({ $0.password = wrong }) { client in
            let failed = try await failure { _ = try await client.send(.get("k")) }
            #expect(failed?.code == .refused)
            #expect(failed?.outcome == .notDone)
            #expect(failed?.message.contains(wrong == nil ? "NOAUTH" : "WRONGPASS") == true)
            #expect(failed?.message.contains("wrong") == false)
          }
        }
      }
    }

    @Test func `a database that is not there is refused`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({ $0.database = 99 }) { client in
          let failed = try await failure { _ = try await client.connect() }
          #expect(failed?.code == .refused)
          #expect(failed?.message.contains("DB index") == true)
        }
      }
    }

    @Test func `a peer that accepts and says nothing is given up after the time to connect`()
      async throws
    {
      try await ScriptedPeer.run(greets: false, { wire, _ in wire.waitForEnd() }) { peer in
        try await withClient(of: peer.url, { $0.connectTimeout = .milliseconds(150) }) { client in
          let failed = try await failure { try await client.connect() }
          #expect(failed?.outcome == .notDone)
          #expect([.notConnected, .timedOut].contains(failed?.code))
        }
      }
    }

    @Test func `a listener whose backlog is full is given up after the time to connect`()
      async throws
    {
      let listener = try Socket.listening(backlog: 0)
      let port = try listener.port()
      // The kernel takes one more than the backlog; then it answers no more.
      var fillers: [Socket] = []
      for _ in 0..<2 {
        if let filler = try? await blocking({ try Socket.beginConnecting(to: port) }) {
          fillers.append(filler)
        }
      }
      let clock = ContinuousClock()
      let start = clock.now
      try await withClient(
        of: "redis://127.0.0.1:\(port)", { $0.connectTimeout = .milliseconds(150) }
      ) { client in
        let failed = try await failure { _ = try await client.send(.get("k")) }
        #expect(failed?.outcome == .notDone)
        #expect([.notConnected, .timedOut].contains(failed?.code))
        // Long before the command's own five seconds.
        #expect(clock.now - start < .seconds(4))
      }
      withExtendedLifetime(fillers) {}
    }

    @Test func `a name that is none is an error`() async throws {
      try await withClient(of: "redis://no-such-host.invalid:1") { client in
        let failed = try await failure { _ = try await client.send(.get("k")) }
        #expect(failed?.code == .notConnected)
        #expect(failed?.outcome == .notDone)
      }
    }

    @Test func `a socket that is not there is an error`() async throws {
      try await withClient(of: "unix:///tmp/holdfast-no-such-socket") { client in
        let failed = try await failure { _ = try await client.send(.get("k")) }
        #expect(failed?.code == .notConnected)
        #expect(failed?.outcome == .notDone)
      }
    }
  }
}

extension Result where Success: Sendable, Failure == any Error {
  /// What an asynchronous body comes to.
  fileprivate static func of(_ body: () async throws -> Success) async -> Self {
    do { return .success(try await body()) } catch { return .failure(error) }
  }
}
