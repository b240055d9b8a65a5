import Testing

@testable import HoldfastCommand

@Suite struct LatencyHistogramTests {
  @Test func `without measurements there are no percentiles`() {
    #expect(LatencyHistogram().percentile(0.5) == nil)
  }

  @Test func `percentiles are ranks of what was recorded`() {
    var histogram = LatencyHistogram()
    for nanoseconds in 1...100 { histogram.record(Nanoseconds(nanoseconds)) }
    #expect(histogram.count == 100)
    #expect(histogram.percentile(0) == 1)
    #expect(histogram.percentile(0.5) == 50)
    #expect(histogram.percentile(0.95) == 95)
    #expect(histogram.percentile(0.99) == 99)
    #expect(histogram.percentile(1) == 100)
  }

  @Test func `a duration is told within a sixtieth of itself, never too short`() throws {
    var nanoseconds: Nanoseconds = 1
    while nanoseconds < .max / 3 {
      var histogram = LatencyHistogram()
      histogram.record(nanoseconds)
      let told = try #require(histogram.percentile(0.5))
      #expect(told >= nanoseconds)
      #expect(told - nanoseconds <= nanoseconds / 60)
      nanoseconds += nanoseconds / 3 + 1
    }
  }

  @Test func `a clock that went back counts as no time`() {
    var histogram = LatencyHistogram()
    histogram.record(-5)
    #expect(histogram.percentile(1) == 0)
  }
}
