import Foundation
import Testing

@testable import Holdfast

/// Values of any type in a storage.
@Suite struct StorageCodableTests {
  private struct User: Codable, Equatable {
    var name: String
    var age: Int
    var tags: [String]
    var score: Double?
  }

  private let storage = MemoryStorage()

  private func error(_ body: () async throws -> Void) async -> StorageError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? StorageError
    }
  }

  @Test func `a value comes back as what it was`() async throws {
    let user = User(name: "Ann/é\0", age: -3, tags: ["a", ""], score: nil)
    try await storage.setValue(user, forKey: "u")
    #expect(try await storage.value(forKey: "u") == user)
    #expect(try await storage.value(forKey: "none", as: User.self) == nil)
    #expect(
      try await storage.get("u")
        == Array(#"json:{"age":-3,"name":"Ann/é\u0000","tags":["a",""]}"#.utf8))
    for text in ["123", "true", "null", "", "\"", "json:1"] {
      try await storage.setValue(text, forKey: "t")
      #expect(try await storage.value(forKey: "t", as: String.self) == text)
      #expect(await error { _ = try await storage.value(forKey: "t", as: Int.self) } != nil)
    }
    for number in [Int64.min, .max, 0, 9_007_199_254_740_993] {
      try await storage.setValue(number, forKey: "n")
      #expect(try await storage.value(forKey: "n") == number)
    }
    try await storage.setValue(UInt64.max, forKey: "n")
    #expect(try await storage.value(forKey: "n") == UInt64.max)
    try await storage.setValue([nil, 1.5], forKey: "l")
    #expect(try await storage.value(forKey: "l") == [nil, 1.5])
  }

  @Test func `equal values have equal bytes`() async throws {
    let values = Dictionary(uniqueKeysWithValues: (0..<50).map { ("\($0)", $0) })
    let others = Dictionary(uniqueKeysWithValues: (0..<50).reversed().map { ("\($0)", $0) })
    try await storage.setValue(values, forKey: "a")
    try await storage.setValue(others, forKey: "b")
    #expect(try await storage.get("a") == storage.get("b"))
  }

  @Test func `many values come in their order`() async throws {
    try await storage.setValue(1, forKey: "a")
    try await storage.setValue(2, forKey: "b")
    #expect(
      try await storage.values(forKeys: ["b", "none", "a"], as: Int.self) == [2, nil, 1])
    try await storage.set("b", to: [1])
    #expect(
      await error { _ = try await storage.values(forKeys: ["a", "b"], as: Int.self) }?.code
        == .notDecodable)
  }

  @Test func `a value has a TTL, and may be set once`() async throws {
    let clock = ManualClock()
    let storage = MemoryStorage(clock: clock)
    #expect(try await storage.setValueIfAbsent(1, forKey: "a", expire: .seconds(1)))
    #expect(try await storage.setValueIfAbsent(2, forKey: "a") == false)
    try await storage.setValue(3, forKey: "b", expire: .seconds(2))
    clock.advance(by: .seconds(1))
    #expect(try await storage.values(forKeys: ["a", "b"], as: Int.self) == [nil, 3])
    #expect(try await storage.ttl("b") == .left(.seconds(1)))
  }

  @Test func `bytes without the tag are said for what they are`() async throws {
    for (bytes, says) in [
      (Array("123".utf8), "3 bytes without the tag 'json:': '123'"),
      ([], "0 bytes without the tag"),
      (Array("json".utf8), "'json'"), (Array("JSON:1".utf8), "'JSON:1'"),
      ([0, 10, 200], "3 bytes"),
    ] {
      try await storage.set("k", to: bytes)
      let error = await error { _ = try await storage.value(forKey: "k", as: Int.self) }
      #expect(error?.code == .notDecodable)
      #expect(error?.message.contains(says) == true, "\(String(describing: error))")
      #expect(error?.message.unicodeScalars.contains { $0.value < 32 } == false)
    }
  }

  @Test func `what does not decode is said by its place, without values`() async throws {
    for (json, says) in [
      (#"{"name":"n","age":"x","tags":[]}"#, "no Int at 'age'"), (#"{"name":"secret"}"#, "'age'"),
      (#"{"name":"secret","age":"#, "not well formed"), ("", "not well formed"),
      (#"{"name":null,"age":1,"tags":[]}"#, "name"),
    ] {
      try await storage.set("k", to: Array(("json:" + json).utf8))
      let error = await error { _ = try await storage.value(forKey: "k", as: User.self) }
      #expect(error?.code == .notDecodable)
      #expect(error?.message.contains(says) == true, "\(String(describing: error))")
      #expect(error?.message.contains("secret") == false)
    }
  }

  @Test func `a number that is not finite has no JSON`() async throws {
    try await storage.setValue(1.0, forKey: "k")
    for number in [Double.nan, .infinity] {
      let error = await error { try await storage.setValue([number], forKey: "k") }
      #expect(error?.code == .notEncodable)
      #expect(error?.outcome == .notDone)
    }
    #expect(try await storage.value(forKey: "k") == 1.0)
  }
}
