import Foundation
import Holdfast
import HoldfastRedis
import RedisBenchNative

/// What the rows do through the client. Each reply is compared with what it has to be.
struct Workload {
  let client: RedisClient
  private let value = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
  private let keys = (0..<64).map { "bench:\($0)" }

  /// As many tasks as keys; each waits for its reply before it sends again.
  func manyTasks(pairs: Int) async throws {
    try await withThrowingTaskGroup { group in
      for key in keys {
        group.addTask { try await setAndGet(key, pairs: pairs) }
      }
      try await group.waitForAll()
    }
  }

  /// SETs a key and GETs it, over and over.
  func oneTask(pairs: Int) async throws { try await setAndGet(keys[0], pairs: pairs) }

  /// GETs all 64 keys together, over and over.
  func pipelines(_ count: Int) async throws {
    for _ in 0..<count {
      let replies = try await client.withPipeline { pipeline in
        for key in keys { pipeline.append(.get(key)) }
      }
      guard replies.count == keys.count else { throw Failed("\(replies.count) replies") }
      for reply in replies { try expectValue(reply) }
    }
  }

  /// That what the references ask for is there, and is as long as what this asks for.
  func checkKeys(_ others: [String]) async throws {
    for key in others + [keys[0]] {
      let reply = try await client.send(RedisCommand("STRLEN", .text(key)))
      guard reply == .integer(Int64(value.count)) else { throw Failed("\(key): \(reply)") }
    }
  }

  private func setAndGet(_ key: String, pairs: Int) async throws {
    for _ in 0..<pairs {
      let reply = try await client.send(.set(key, to: value))
      guard case .simple("OK") = reply else { throw Failed("SET: \(reply)") }
      try expectValue(try await client.send(.get(key)))
    }
  }

  private func expectValue(_ reply: RedisReply) throws {
    guard case .string(let bytes) = reply, bytes.count == value.count,
      unsafe memcmp(bytes, value, bytes.count) == 0
    else { throw Failed("GET: \(reply)") }
  }
}
