import Holdfast
import HoldfastStorageConformance
import Testing

/// What every storage answers, asked of those that need no server.
@Suite struct StorageConformanceTests {
  @Test(arguments: StorageConformance.cases)
  func `memory storage`(_ test: StorageConformance.Case) async throws {
    let clock = ManualClock()
    try await test.run(on: MemoryStorage(clock: clock)) { clock.advance(by: $0) }
  }

  @Test(arguments: StorageConformance.cases)
  func `a part of a memory storage`(_ test: StorageConformance.Case) async throws {
    let clock = ManualClock()
    let storage = MemoryStorage(clock: clock)
    try await storage.set("a", to: [1])
    try await test.run(on: storage.prefixed("[a*]:").prefixed("é\\")) { clock.advance(by: $0) }
    try await storage.connect()
    #expect(try await storage.get("a") == [1])
    #expect(storage.figures.keys == 1)
  }

  @Test(arguments: StorageConformance.cases)
  func `a degraded storage whose primary is there`(_ test: StorageConformance.Case) async throws {
    let clock = ManualClock()
    let storage = try DegradedStorage(MemoryStorage(clock: clock), clock: clock)
    try await test.run(on: storage) { clock.advance(by: $0) }
    #expect(storage.figures.standInAnswers == 0)
  }

  /// A suite that nothing fails says nothing.
  @Test func `a storage that answers wrong fails`() async throws {
    struct Trouble: Error {}
    var failures = 0
    for test in StorageConformance.cases {
      do {
        try await test.run(on: MemoryStorage(limits: .init(keys: 0))) { _ in throw Trouble() }
      } catch let failure as StorageConformance.Failure {
        failures += 1
        #expect(failure.line > 0 && !failure.message.isEmpty)
      } catch {
        failures += 1
      }
    }
    #expect(failures > StorageConformance.cases.count / 2)
  }
}
