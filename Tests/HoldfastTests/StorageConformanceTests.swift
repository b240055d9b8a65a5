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
}
