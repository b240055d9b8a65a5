import Holdfast
import Testing

@Suite struct HTTPClassifierTests {
  struct StatusError: HTTPStatusError { let httpStatus: Int }
  struct TransportError: Error {}

  @Test(arguments: [
    (200, CircuitBreaker.Outcome.success), (201, .success), (204, .success), (304, .success),
    (399, .success), (404, .success), (400, .neutral), (401, .neutral), (403, .neutral),
    (405, .neutral), (429, .neutral), (499, .neutral), (500, .failure), (502, .failure),
    (503, .failure), (599, .failure), (0, .failure), (99, .failure), (600, .failure),
  ])
  func `statuses count by their class`(status: Int, outcome: CircuitBreaker.Outcome) {
    let http = HTTPClassifier()
    #expect(http.outcome(ofStatus: status) == outcome)
    #expect(http.outcome(of: StatusError(httpStatus: status)) == outcome)
  }

  @Test func `what carries no status is the transport's`() {
    #expect(HTTPClassifier().outcome(of: TransportError()) == .failure)
  }

  @Test func `the rules may be replaced`() {
    let http = HTTPClassifier { $0 == 429 ? .failure : HTTPClassifier.standard($0) }
    #expect(http.outcome(ofStatus: 429) == .failure)
    #expect(http.outcome(of: StatusError(httpStatus: 429)) == .failure)
    #expect(http.outcome(ofStatus: 428) == .neutral)
    #expect(http.outcome(ofStatus: 404) == .success)
  }

  @Test func `a breaker takes them for errors and for results`() throws {
    let http = HTTPClassifier()
    let test = try BreakerUnderTest(classify: http.outcome(of:))
    for status in [200, 404, 418, 500] {
      _ = try test.breaker.run {
        status
      } outcome: {
        http.outcome(ofStatus: $0)
      }
      #expect(throws: StatusError.self) {
        try test.breaker.run { throw StatusError(httpStatus: status) }
      }
    }
    #expect(throws: TransportError.self) { try test.breaker.run { throw TransportError() } }
    let metrics = test.breaker.metrics
    #expect(metrics.successes == 4)
    #expect(metrics.neutral == 2)
    #expect(metrics.failures == 3)
  }
}
