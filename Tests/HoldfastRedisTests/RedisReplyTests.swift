import Holdfast
import Testing

@testable import HoldfastRedis

@Suite struct RedisReplyTests {
  @Test(arguments: [
    (
      "WRONGTYPE Operation against a key holding the wrong kind of value",
      StorageError.Code.wrongType
    ),
    ("NOAUTH Authentication required.", .refused), ("WRONGPASS invalid username", .refused),
    ("NOPERM this user has no permissions to run the 'get' command", .refused),
    ("OOM command not allowed when used memory > 'maxmemory'.", .refused),
    ("READONLY You can't write against a read only replica.", .refused),
    ("MISCONF Redis is configured to save RDB snapshots", .refused),
    ("DENIED Redis is running in protected mode", .refused),
    ("LOADING Redis is loading the dataset in memory", .notConnected),
    ("ERR value is not an integer or out of range", .notAnInteger),
    ("ERR hash value is not an integer", .notAnInteger),
    ("ERR increment or decrement would overflow", .overflow),
    ("ERR unknown command 'X'", .server), ("NOSCRIPT No matching script.", .server),
    ("EXECABORT Transaction discarded", .server), ("", .server), ("WRONGTYPES x", .server),
    ("BUSY would overflow", .server),
  ])
  func `a fault has its code and its text`(text: String, code: StorageError.Code) {
    let error = RedisFault(text: text).error()
    #expect(error == StorageError(code, text))
    #expect(RedisFault(text: text).error(outcome: .unknown).outcome == .unknown)
  }

  @Test func `a fault on its own is thrown`() throws {
    #expect(throws: StorageError(.wrongType, "WRONGTYPE x")) {
      _ = try RedisReply.fault(RedisFault(text: "WRONGTYPE x")).unlessFault()
    }
    #expect(try RedisReply.integer(1).unlessFault() == .integer(1))
  }

  @Test func `a reply of another kind than the command's is no answer`() {
    for reply in [RedisReply.array([]), .integer(1), .simple("OK")] {
      #expect { _ = try reply.value() } throws: {
        ($0 as? StorageError)?.code == .protocolViolation
      }
    }
    for reply in [RedisReply.array([]), .string([]), .null] {
      #expect { _ = try reply.number() } throws: {
        ($0 as? StorageError)?.code == .protocolViolation
      }
    }
    for reply in [RedisReply.integer(1), .string([]), .null] {
      #expect { _ = try reply.list() } throws: {
        ($0 as? StorageError)?.code == .protocolViolation
      }
    }
  }

  @Test func `what EXEC says is how the transaction ended`() throws {
    let ok = RedisReply.simple("OK")
    let queued = RedisReply.simple("QUEUED")
    let fault = RedisReply.fault(RedisFault(text: "ERR unknown command 'X'"))
    let abort = RedisReply.fault(RedisFault(text: "EXECABORT discarded"))
    #expect(
      try RedisTransactionReplies.read([ok, queued, .array([.integer(1)])]) == [.integer(1)])
    #expect(try RedisTransactionReplies.read([ok, queued, .array([fault])]) == [fault])
    #expect(try RedisTransactionReplies.read([ok, queued, .null]) == nil)
    #expect(throws: StorageError(.server, "ERR unknown command 'X'")) {
      _ = try RedisTransactionReplies.read([ok, fault, abort])
    }
    #expect(throws: StorageError(.server, "EXECABORT discarded")) {
      _ = try RedisTransactionReplies.read([ok, queued, abort])
    }
    #expect {
      _ = try RedisTransactionReplies.read([ok])
    } throws: {
      ($0 as? StorageError)?.outcome == .unknown
    }
  }
}
