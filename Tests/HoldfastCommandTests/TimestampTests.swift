import Foundation
import Testing

/// How an event's own time is read, seen in the decisions.
@Suite struct TimestampTests {
  /// The time of the decision on an event with this one, as JSON.
  private func decided(_ time: String) throws -> (time: String, errors: String) {
    let folder = try TemporaryFolder()
    let policy = try folder.write(
      #"{"version":1,"variables":{},"rules":[{"id":"r","when":"always","then":"t"}]}"#,
      to: "policy.json")
    let events = try folder.write("{\"time\":\(time)}\n", to: "events.jsonl")
    let outcome = try HoldfastProgram.run(["run", policy, "--input", events])
    let prefix = "{\"time\":"
    let end = try #require(outcome.output.firstRange(of: ",\"step\":"), "\(outcome.output)")
    return (
      String(outcome.output[..<end.lowerBound].dropFirst(prefix.count)), outcome.errors
    )
  }

  @Test(arguments: ["2000-02-29", "2024-02-29", "1600-02-29", "2024-12-31", "2023-04-30"])
  func `the last day of a month is a day`(date: String) throws {
    let decision = try decided("\"\(date)\"")
    #expect(decision.time == "\"\(date)T00:00:00.000Z\"")
    #expect(!decision.errors.contains("could not be read as a time"))
  }

  @Test(arguments: ["1900-02-29", "2100-02-29", "2023-02-29", "2024-02-30", "2023-04-31"])
  func `the day after it is none`(date: String) throws {
    let decision = try decided("\"\(date)\"")
    #expect(decision.time == "\"\(date)\"")
    #expect(decision.errors.contains("could not be read as a time"))
  }

  @Test(arguments: [
    ("2e11", "1976-05-03T19:33:20.000Z"), ("1e11", "1973-03-03T09:46:40.000Z"),
    ("99999999999", "5138-11-16T09:46:39.000Z"), ("-1e11", "1966-10-31T14:13:20.000Z"),
    ("1772359200", "2026-03-01T10:00:00.000Z"), ("1772359200123", "2026-03-01T10:00:00.123Z"),
  ])
  func `a number is seconds, and from ten to the eleventh on milliseconds`(
    number: String, expected: String
  ) throws {
    #expect(try decided(number).time == "\"\(expected)\"")
  }
}
