import Holdfast
import Testing

@testable import HoldfastRedis

@Suite struct RedisCommandTests {
  @Test func `arguments go as they are`() {
    let command = RedisCommand("SET", "a b\r\n", .bytes([0, 255]), "", 7, .text("é"))
    #expect(
      command.arguments == [
        Array("SET".utf8), Array("a b\r\n".utf8), [0, 255], [], Array("7".utf8), [0xc3, 0xa9],
      ])
    #expect(RedisCommand("X", .integer(.min)).arguments.last == Array("-9223372036854775808".utf8))
  }

  @Test func `a description shows no argument`() {
    #expect(RedisCommand("AUTH", "s3cret").description == "AUTH with 1 arguments")
    #expect(RedisCommand("PING").description == "PING")
  }

  @Test func `what a second time would change is not repeatable`() {
    #expect(RedisCommand.get("k").isRepeatable)
    #expect(RedisCommand.set("k", to: [1]).isRepeatable)
    #expect(RedisCommand.delete("k").isRepeatable)
    #expect(!RedisCommand.set("k", to: [1], ifAbsent: true).isRepeatable)
    #expect(!RedisCommand.increment("k").isRepeatable)
    #expect(!RedisCommand.publish([1], to: "c").isRepeatable)
    #expect(!RedisCommand("GET", "k").isRepeatable)
  }

  @Test func `the options of SET`() {
    func text(_ command: RedisCommand) -> String {
      command.arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
    #expect(text(.set("k", to: [65])) == "SET k A")
    #expect(text(.set("k", to: [65], milliseconds: 5)) == "SET k A PX 5")
    #expect(text(.set("k", to: [65], ifAbsent: true)) == "SET k A NX")
    #expect(text(.set("k", to: [65], milliseconds: 5, ifAbsent: true)) == "SET k A NX PX 5")
  }

  @Test(arguments: [
    (RedisCommand("GET", "BLPOP"), RedisCommand.Place.anywhere),
    (RedisCommand("blpop", "a", "b", "1.5"), .blocking(most: .milliseconds(1500))),
    (RedisCommand("BRPOP", "a", 0), .blocking(most: nil)),
    (RedisCommand("BLMOVE", "a", "b", "LEFT", "LEFT", 2), .blocking(most: .seconds(2))),
    (RedisCommand("BLMPOP", 3, 1, "a", "LEFT"), .blocking(most: .seconds(3))),
    (RedisCommand("BZPOPMIN", "a", "x"), .blocking(most: nil)),
    (RedisCommand("WAIT", 1, 250), .waiting(most: .milliseconds(250))),
    (RedisCommand("WAITAOF", 1, 0, 0), .waiting(most: nil)),
    (RedisCommand("XREAD", "BLOCK", 100, "STREAMS", "a", "$"), .blocking(most: .milliseconds(100))),
    (RedisCommand("XREAD", "block", 0, "STREAMS", "a", "$"), .blocking(most: nil)),
    (RedisCommand("XREAD", "COUNT", 1, "STREAMS", "BLOCK", "0"), .anywhere),
    (
      RedisCommand("XREADGROUP", "GROUP", "BLOCK", "me", "BLOCK", 100, "STREAMS", "a", ">"),
      .blocking(most: .milliseconds(100))
    ),
    (RedisCommand("WATCH", "a"), .remembered), (RedisCommand("select", 1), .remembered),
    (RedisCommand("CLIENT", "SETNAME", "x"), .remembered),
    (RedisCommand("CLIENT", "ID"), .anywhere),
  ])
  func `a command knows which connection it needs`(command: RedisCommand, place: RedisCommand.Place)
  {
    #expect(command.place == place)
  }

  @Test(arguments: [
    RedisCommand("SUBSCRIBE", "c"), RedisCommand("psubscribe", "c"), RedisCommand("MONITOR"),
    RedisCommand("CLIENT", "reply", "OFF"), RedisCommand("HELLO", 3), RedisCommand("QUIT"),
    RedisCommand("WATCH", "k"), RedisCommand("MULTI"), RedisCommand("SELECT", 1),
    RedisCommand("WAIT", 1, 0),
  ])
  func `what would change the shared connection is refused`(command: RedisCommand) async throws {
    // A port at which nobody is: these fail before anything is opened.
    let client = RedisClient(try RedisOptions(url: "redis://127.0.0.1:1"))
    await #expect {
      try await client.send(command)
    } throws: {
      ($0 as? StorageError)?.code == .invalidArgument
    }
    await #expect {
      _ = try await client.pipeline([.ping(), command])
    } throws: {
      ($0 as? StorageError)?.code == .invalidArgument
    }
    #expect(client.figures == RedisFigures())
  }

  @Test func `a pipeline is repeatable when all of it is`() {
    var pipeline = RedisPipeline([.get("a"), .set("b", to: [1])])
    #expect(pipeline.isRepeatable)
    pipeline.append("INCR", "c")
    #expect(!pipeline.isRepeatable)
    #expect(pipeline.count == 3)
    #expect(pipeline.bytes == [UInt8]("GETaSETb\u{1}INCRc".utf8))
    #expect(pipeline.lengths == [3, 1, 3, 1, 1, 4, 1])
    #expect(pipeline.counts == [2, 3, 2])
  }

  @Test func `a transaction stands between MULTI and EXEC`() {
    let whole = RedisPipeline([.get("a")]).asTransaction
    #expect(whole.bytes == Array("MULTIGETaEXEC".utf8))
    #expect(whole.lengths == [5, 3, 1, 4])
    #expect(whole.counts == [1, 2, 1])
    #expect(whole.isRepeatable)
  }

  @Test func `more commands than go together are refused`() async throws {
    let client = RedisClient(try RedisOptions(url: "redis://127.0.0.1:1"))
    let many = [RedisCommand](repeating: .ping(), count: RedisPipeline.most + 1)
    await #expect {
      _ = try await client.pipeline(many)
    } throws: {
      ($0 as? StorageError)?.code == .invalidArgument
    }
    #expect(try await client.pipeline([]).isEmpty)
  }

  @Test(arguments: [
    ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
    ),
    (String(repeating: "a", count: 1000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
  ])
  func `a script's digest is its SHA-1`(source: String, digest: String) {
    #expect(RedisScript(source).digest == digest)
  }
}
