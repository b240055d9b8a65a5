import Testing

@testable import Holdfast

/// A service that works, fails, is slow, and works again, called at a steady rate: with a pipeline, and by
/// callers that just ask again.
///
/// The service can answer 500 calls a second; 200 come. A caller that asks up to four times makes 800 of
/// them as soon as answers take too long: then they go on taking too long.
@Suite struct OutageTests {
  private static let phases: [OutageSimulation.Phase] = [
    .init(length: .seconds(5), service: .milliseconds(2)),
    .init(length: .seconds(10), service: .milliseconds(2), fails: true),
    .init(length: .seconds(5), service: .milliseconds(50)),
    .init(length: .seconds(10), service: .milliseconds(2)),
  ]
  /// In slices of the time.
  private static let healthy = 0..<50, failing = 50..<150, slow = 150..<200, again = 200..<300
  private static let timeout = Duration.milliseconds(100)
  private static let openTime = Duration.seconds(2)

  private func simulation(endsAttempts: Bool = false) -> OutageSimulation {
    OutageSimulation(
      OutageTests.phases, interval: .milliseconds(5), timeout: OutageTests.timeout,
      endsAttempts: endsAttempts)
  }

  /// What comes of the calls through a preset's pipeline.
  private func slices(
    configure: @escaping (inout ResilienceConfiguration) -> Void = { _ in }
  ) async throws -> [OutageSimulation.Slice] {
    let simulation = simulation()
    let resilience = try Resilience(
      clock: simulation.clock, seed: 8,
      onEvent: { event in
        if case .retry(_, let delay, _) = event.kind { simulation.sleeps(for: delay) }
      })
    let pipeline = try resilience.api("shop") {
      $0.timeout = OutageTests.timeout
      $0.baseDelay = .milliseconds(100)
      $0.maxDelay = .seconds(1)
      $0.recoveryTimeout = OutageTests.openTime
      $0.isBulkheadEnabled = true
      $0.bulkhead = Bulkhead.Options(limit: 50)
      configure(&$0)
    }
    return await simulation.run { try await pipeline.run { try await simulation.ask() } }
  }

  /// The same calls, each of which is repeated at once, up to three times.
  private func slicesOfNaiveCalls() async -> [OutageSimulation.Slice] {
    let simulation = simulation(endsAttempts: true)
    return await simulation.run {
      for _ in 1...3 {
        if (try? await simulation.ask()) != nil { return }
      }
      try await simulation.ask()
    }
  }

  private func attemptsPerCall(_ slices: ArraySlice<OutageSimulation.Slice>) -> Double {
    Double(slices.reduce(0) { $0 + $1.attempts }) / Double(slices.reduce(0) { $0 + $1.calls })
  }

  /// The share of calls that succeed.
  private func goodput(_ slices: ArraySlice<OutageSimulation.Slice>) -> Double {
    Double(slices.reduce(0) { $0 + $1.successes }) / Double(slices.reduce(0) { $0 + $1.calls })
  }

  /// How long after the service works again nearly all calls succeed, and go on to do so; `nil`: never.
  private func recoveryTime(_ slices: [OutageSimulation.Slice]) -> Duration? {
    let bad = OutageTests.again.last { goodput(slices[$0...$0]) < 0.95 }
    guard let bad else { return .zero }
    guard bad + 1 < OutageTests.again.upperBound else { return nil }
    return OutageSimulation.slice * (bad + 1 - OutageTests.again.lowerBound)
  }

  @Test func `a pipeline gets over an outage that calls without one make last for ever`()
    async throws
  {
    let naive = await slicesOfNaiveCalls()
    let whole = try await slices()
    let retries = try await slices { $0.isCircuitBreakerEnabled = false }

    let recovery = recoveryTime(whole)
    let attempts = [naive, whole, retries].map { attemptsPerCall($0[OutageTests.failing]) }
    let goodputs = [naive, whole, retries].map { goodput($0[OutageTests.again]) }
    print(
      """
      outage: with a pipeline \(attempts[1]) attempts a call while all fail (\(attempts[2]) without its \
      breaker), and calls succeed again after \(recovery.map { "\($0)" } ?? "no time"); without one \
      \(attempts[0]) attempts, and of those after the outage \(goodputs[0]) succeed
      """)

    for slices in [naive, whole, retries] {
      #expect(goodput(slices[OutageTests.healthy]) > 0.99)
      #expect(goodput(slices[OutageTests.failing]) < 0.01)
    }
    // The breaker spares the service nearly all calls. Without it there are retries, which the budget
    // limits.
    #expect(attempts[1] < 0.3)
    #expect(attempts[2] > 1.05 && attempts[2] <= 1.2)
    // A probe that began before may be late, and the breaker open once more.
    #expect(try #require(recovery) <= OutageTests.openTime + OutageTests.timeout * 2)
    #expect(goodputs[1] > 0.75)

    #expect(attempts[0] > 3.5)
    #expect(goodputs[0] < 0.01)
    #expect(recoveryTime(naive) == nil)
  }
}
