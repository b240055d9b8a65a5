import Holdfast
import Testing

/// The traces of `circuit_breaker.jsonl` through `run`. The README beside them says what a row holds,
/// and which two figures Holdfast counts only where they decide something.
@Suite struct CircuitBreakerConformanceTests {
  private enum Trouble: Error {
    case failure
    case other
  }

  @Test func `every trace is answered as recorded, but for runs that decide nothing`() throws {
    let rows = try Conformance.rows("circuit_breaker.jsonl", as: Conformance.BreakerRow.self)
    var operations = 0
    for row in rows {
      try replay(row)
      operations += row.trace.count
    }
    #expect(rows.count == 79)
    print("conformance: swift circuit_breaker.jsonl \(rows.count) rows, \(operations) operations")
  }

  private func replay(_ row: Conformance.BreakerRow) throws {
    let clock = ManualClock(at: .seconds(123_456))
    var options = CircuitBreaker.Options()
    options.failureThreshold = row.failureThreshold
    options.successThreshold = row.successThreshold
    options.openTime = .seconds(row.recoveryTimeout)
    let countsAll = row.expected == "all"
    let breaker = try CircuitBreaker(
      row.id, options: options, clock: clock,
      classify: { error in error as? Trouble == .other && !countsAll ? .ignored : .failure })
    for (index, operation) in row.trace.enumerated() {
      let place = "\(row.id), operation \(index)"
      switch operation.op {
      case "advance":
        clock.advance(by: .seconds(try #require(operation.s)))
        continue
      case "reset":
        breaker.reset()
      default:
        #expect(try call(breaker, operation) == operation.returned, "\(place)")
      }
      let figures = breaker.metrics
      #expect(figures.state.rawValue.uppercased() == operation.state, "\(place)")
      guard operation.op == "call" else { continue }
      #expect(figures.failures == operation.failuresTotal, "\(place)")
      #expect(figures.successes == operation.successesTotal, "\(place)")
      #expect(figures.opens == operation.tripsTotal, "\(place)")
      #expect(figures.late == 0, "\(place)")
      let failures = figures.state == .closed ? operation.consecutiveFailures : 0
      #expect(figures.consecutiveFailures == failures, "\(place)")
      let successes = figures.state == .halfOpen ? operation.consecutiveSuccesses : 0
      #expect(figures.consecutiveSuccesses == successes, "\(place)")
    }
  }

  /// Makes the call; what the traces call its answer.
  private func call(
    _ breaker: CircuitBreaker, _ operation: Conformance.BreakerRow.Operation
  ) throws -> String {
    func body() throws -> String {
      switch operation.outcome {
      case "success": return "ok"
      case "fail": throw Trouble.failure
      case "cancel": throw CancellationError()
      default: throw Trouble.other
      }
    }
    do {
      return operation.fallback == true
        ? try breaker.run(body, fallback: { _ in "fb" }) : try breaker.run(body)
    } catch is CircuitOpenError {
      return "REJECTED"
    } catch is CancellationError {
      return "cancelled"
    } catch is Trouble {
      return "raised"
    }
  }
}
