import CHoldfastInternals
import Testing

@testable import Holdfast

/// What a call takes that goes well: nearly all calls do.
@Suite struct HealthyCallTests {
  private static let calls = 1000

  /// Allocations of one call; `nil` when nobody counts them. The calls do not suspend, so that one
  /// thread makes them all.
  private func allocations(
    ofCall call: (Int) async throws -> Int
  ) async rethrows -> Double? {
    // What is made once and kept is made before.
    for number in 0..<10 { _ = try await call(number) }
    var sum = 0
    guard hft_begin_counting() else { return nil }
    for number in 0..<HealthyCallTests.calls { sum += try await call(number) }
    let count = hft_end_counting()
    #expect(count != .max, "the calls changed their thread")
    #expect(sum == HealthyCallTests.calls * (HealthyCallTests.calls - 1) / 2)
    return Double(count) / Double(HealthyCallTests.calls)
  }

  @Test func `a healthy call makes few allocations`() async throws {
    let pipeline = try Resilience().api("service")
    // Detached, because a body's task has all the values of the caller's task, those of the test among
    // them, and takes memory for each.
    let (bare, through) = try await Task.detached {
      (
        try await allocations { number in try await straight { number } },
        try await allocations { number in try await pipeline.run { number } }
      )
    }.value
    guard let bare, let through else {
      print("skipped: allocations are counted only where the program uses jemalloc")
      return
    }
    print("allocations of a healthy call: \(through); of a bare one: \(bare)")
    // What the closure captures, and the task that runs it. Now and then the timers of others take room.
    #expect(through < 4.1)
  }
}

@inline(never) private func straight(
  _ body: @escaping @Sendable () async throws -> Int
) async throws -> Int {
  try await body()
}
