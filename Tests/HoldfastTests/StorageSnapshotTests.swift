import Foundation
import Testing

@testable import Holdfast

/// Snapshots of a memory storage.
@Suite final class StorageSnapshotTests {
  private let clock = ManualClock()
  private let directory: URL
  private var path: String { directory.appending(component: "snapshot").path }

  init() throws {
    directory = FileManager.default.temporaryDirectory
      .appending(component: "holdfast-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private func filled() async throws -> MemoryStorage {
    let storage = MemoryStorage(clock: clock)
    try await storage.set("plain", to: Array("value".utf8))
    try await storage.set("", to: [])
    try await storage.set("é\0日本", to: [0, 255], expire: .seconds(100))
    try await storage.set("soon", to: [], expire: .milliseconds(1))
    try await storage.hset("hash", ["f": [1], "": [], "é": [2, 3]])
    try await storage.expire("hash", after: .seconds(50))
    return storage
  }

  private func code(_ body: () throws -> Void) -> StorageError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? StorageError)?.code
    }
  }

  private func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

  private func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }

  @Test func `a restored storage holds what was saved, with what was left of the TTLs`()
    async throws
  {
    let storage = try await filled()
    clock.advance(by: .seconds(10))
    try storage.save(to: path)
    clock.advance(by: .seconds(1000))
    let other = MemoryStorage(clock: clock)
    try await other.set("old", to: [1])
    try other.restore(from: path)
    #expect(try await other.get("old") == nil)
    #expect(try await other.get("plain") == Array("value".utf8))
    #expect(try await other.ttl("plain") == .none)
    #expect(try await other.get("") == [])
    #expect(try await other.get("é\0日本") == [0, 255])
    #expect(try await other.ttl("é\0日本") == .left(.seconds(90)))
    #expect(try await other.exists("soon") == false)
    #expect(try await other.hgetAll("hash") == ["f": [1], "": [], "é": [2, 3]])
    #expect(try await other.ttl("hash") == .left(.seconds(40)))
    #expect(other.figures.keys == 4)
    clock.advance(by: .seconds(40))
    #expect(other.figures.keys == 3)
    var keys: [String] = []
    for try await key in other.scan(.all) { keys.append(key) }
    #expect(Set(keys) == ["é\0日本", "", "plain"] && keys.count == 3)
  }

  @Test func `an empty storage is saved too, and closing keeps what can be saved`() async throws {
    try MemoryStorage(clock: clock).save(to: path)
    let storage = try await filled()
    await storage.close()
    try storage.restore(from: path)
    #expect(storage.figures.keys == 0)
  }

  @Test func `a file that was torn anywhere is refused, and nothing changes`() async throws {
    try (try await filled()).save(to: path)
    let whole = try bytes()
    let storage = MemoryStorage(clock: clock)
    try await storage.set("mine", to: [1])
    for length in 0..<whole.count {
      try write(Array(whole[..<length]))
      #expect(code { try storage.restore(from: path) } == .file, "\(length) bytes")
    }
    try write(whole + [0])
    #expect(code { try storage.restore(from: path) } == .file)
    #expect(storage.figures.keys == 1)
    try write(whole)
    try storage.restore(from: path)
    #expect(storage.figures.keys == 5)
  }

  @Test func `a file that was altered anywhere is refused`() async throws {
    try (try await filled()).save(to: path)
    let whole = try bytes()
    let storage = MemoryStorage(clock: clock)
    for place in whole.indices {
      var altered = whole
      altered[place] ^= 1 << (place % 8)
      try write(altered)
      #expect(code { try storage.restore(from: path) } == .file, "byte \(place)")
    }
    #expect(storage.figures.keys == 0)
  }

  /// Whoever alters a file on purpose mends the checksum too.
  @Test func `a file that lies with the right checksum is refused or harmless`() async throws {
    try (try await filled()).save(to: path)
    let whole = try bytes()
    let storage = MemoryStorage(limits: .init(bytes: 1 << 20), clock: clock)
    var refused = 0
    for place in 8..<whole.count - 8 {
      for value: UInt8 in [0, 1, 255] {
        var altered = whole
        altered[place] = value
        let sum = altered[..<(whole.count - 8)].checksum
        for byte in 0..<8 {
          altered[whole.count - 8 + byte] = UInt8(truncatingIfNeeded: sum >> (8 * byte))
        }
        try write(altered)
        if code({ try storage.restore(from: path) }) != nil { refused += 1 }
      }
    }
    #expect(refused > whole.count)
  }

  @Test func `what is no snapshot is refused by name`() async throws {
    let storage = MemoryStorage(clock: clock)
    func message() -> String {
      do throws(StorageError) {
        try storage.restore(from: path)
        return ""
      } catch {
        return error.code == .file ? error.message : "\(error)"
      }
    }
    #expect(message().contains("cannot read"))
    try write(Array("hello, this is something else altogether".utf8))
    #expect(message().contains("is no snapshot"))
    try storage.save(to: path)
    var later = try bytes()
    later[7] = 2
    try write(later)
    #expect(message().contains("another version"))
    #expect(code { try storage.restore(from: directory.path) } == .file)
    #expect(code { try storage.restore(from: path + "\0") } == .file)
  }

  @Test func `what holds more than may be is refused, and nothing changes`() async throws {
    try (try await filled()).save(to: path)
    let storage = MemoryStorage(limits: .init(keys: 4), clock: clock)
    try await storage.set("mine", to: [1])
    #expect(code { try storage.restore(from: path) } == .refused)
    #expect(try await storage.get("mine") == [1])
    #expect(storage.figures.keys == 1)
  }

  /// A file with a hole in it is as long as it says.
  @Test func `a file that is too long is refused before memory is taken for it`() async throws {
    try MemoryStorage(clock: clock).save(to: path)
    var head = Array(try bytes()[..<24])
    let length = UInt64(1) << 42
    for byte in 0..<8 { head[16 + byte] = UInt8(truncatingIfNeeded: (length - 32) >> (8 * byte)) }
    try write(head)
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.truncate(atOffset: length)
    try file.close()
    #expect(code { try MemoryStorage(clock: clock).restore(from: path) } == .refused)
  }

  @Test func `a save that fails leaves the old file, and no other`() async throws {
    let storage = try await filled()
    try storage.save(to: path)
    try storage.save(to: path)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["snapshot"])
    #expect(code { try storage.save(to: path + "/in/it") } == .file)
    // A directory is in the way of the new name.
    let taken = directory.appending(components: "taken", "full")
    try FileManager.default.createDirectory(at: taken, withIntermediateDirectories: true)
    #expect(code { try storage.save(to: directory.appending(component: "taken").path) } == .file)
    let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(left.sorted() == ["snapshot", "taken"])
  }
}
