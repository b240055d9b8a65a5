import Testing

@testable import Holdfast

/// Delays before retries, as Swift asks the core for them; whose own tests say how they are spread.
@Suite struct BackoffTests {
  /// Tenths of a second are no doubles; whole milliseconds are what a row means.
  private func duration(_ seconds: Double) -> Duration {
    .milliseconds(Int((seconds * 1000).rounded()))
  }

  @Test func `delays are as recorded`() throws {
    let rows = try Conformance.rows("retry_delays.jsonl", as: Conformance.RetryDelayRow.self)
    var delays = 0
    for row in rows {
      var policy = RetryPolicy()
      policy.maxAttempts = row.maxAttempts
      policy.baseDelay = duration(row.baseDelay)
      policy.maxDelay = duration(row.maxDelay)
      #expect(try policy.delays() == row.delays.map(duration), "\(row.id)")
      delays += row.delays.count
    }
    #expect(rows.count == 47)
    print("conformance: swift retry_delays.jsonl \(rows.count) rows, \(delays) delays")
  }

  private func delays(_ jitter: Jitter, before retry: Int, after previous: UInt64 = 0) throws
    -> [UInt64]
  {
    var policy = RetryPolicy()
    policy.jitter = jitter
    let retries = try Retry(policy, budget: nil, seed: 7)
    return (0..<2000).map { _ in retries.delay(before: retry, after: previous) }
  }

  @Test func `each kind of jitter is the core's`() throws {
    let second = UInt64(1_000_000_000)
    #expect(Set(try delays(.none, before: 2)) == [second])
    let cases: [(Jitter, UInt64, ClosedRange<UInt64>)] = [
      (.full, 0, 0...second),
      (.equal, 0, second / 2...second),
      (.decorrelated, 0, second / 2...second * 3 / 2),
      (.decorrelated, second, second / 2...second * 3),
      (.decorrelated, second * 7, second / 2...second * 8),
    ]
    for (jitter, previous, range) in cases {
      let drawn = try delays(jitter, before: 2, after: previous)
      #expect(drawn.allSatisfy(range.contains), "\(jitter)")
      // Of 2,000 some are near either end.
      let margin = (range.upperBound - range.lowerBound) / 50
      #expect(drawn.contains { $0 < range.lowerBound + margin }, "\(jitter)")
      #expect(drawn.contains { $0 > range.upperBound - margin }, "\(jitter)")
    }
  }

  @Test func `the same seed gives the same delays`() throws {
    let first = try delays(.full, before: 3)
    #expect(try delays(.full, before: 3) == first)
    let other = try Retry(RetryPolicy(), budget: nil, seed: 8)
    #expect(first != (0..<2000).map { _ in other.delay(before: 3, after: 0) })
  }
}
