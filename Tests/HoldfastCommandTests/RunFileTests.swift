import Foundation
import Testing

/// `holdfast run` over recorded events.
@Suite struct RunFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A policy with these variables, and a rule `r1`, `r2`, … for each condition.
  private func policy(_ variables: String, _ conditions: String...) throws -> String {
    let rules = conditions.enumerated().map { index, condition in
      #"{"id": "r\#(index + 1)", "when": "\#(condition)", "then": "t\#(index + 1)"}"#
    }
    return try folder.write(
      #"{"version": 1, "variables": {\#(variables)}, "rules": [\#(rules.joined(separator: ","))]}"#,
      to: "policy.json")
  }

  private func run(
    _ policy: String, _ events: String, as name: String, _ options: String...
  ) throws -> HoldfastProgram.Outcome {
    let path = try folder.write(events, to: name)
    return try HoldfastProgram.run(["run", policy, "--input", path] + options)
  }

  /// The step and rule of each decision.
  private func decisions(_ outcome: HoldfastProgram.Outcome) throws -> [String] {
    try outcome.outputLines.map { line in
      let row = try decodedRow(line)
      return "\(row["step"] ?? "?") \(row["rule"] ?? "?")"
    }
  }

  @Test func `each match is one line of JSON`() throws {
    let policy = try policy(
      #""cpu": "number", "region": "string", "ok": "boolean", "x": "any""#,
      "cpu > 90 and region == 'e\\\"u'", "x == 0.1 or ok == 1")
    let outcome = try run(
      policy,
      """
      {"time":"2026-03-01T10:00:00Z","cpu":91.5,"region":"e\\"u","ok":true,"x":null}
      {"time":"2026-03-01T11:00:00+01:00","cpu":10,"region":"us","ok":false,"x":0.1,"y":[{"z":1}]}
      {"time":"2026-03-01T10:00:02.5Z","cpu":100,"region":"e\\"u","ok":false,"x":[1, "a"]}

      """, as: "events.jsonl")
    #expect(outcome.status == 0)
    #expect(
      outcome.output == #"""
        {"time":"2026-03-01T10:00:00.000Z","step":1,"rule":"r1","then":"t1","values":{"cpu":91.5,"region":"e\"u"}}
        {"time":"2026-03-01T10:00:00.000Z","step":1,"rule":"r2","then":"t2","values":{"x":null,"ok":true}}
        {"time":"2026-03-01T10:00:00.000Z","step":2,"rule":"r2","then":"t2","values":{"x":0.1,"ok":false}}
        {"time":"2026-03-01T10:00:02.500Z","step":3,"rule":"r1","then":"t1","values":{"cpu":100,"region":"e\"u"}}

        """#)
  }

  @Test func `CSV gives the same decisions as JSON Lines`() throws {
    let root = HoldfastProgram.root
    let outcomes = try ["jsonl", "csv"].map {
      try HoldfastProgram.run([
        "run", root + "/examples/policies/telemetry.json", "--input",
        root + "/examples/data/telemetry.\($0)",
      ])
    }
    #expect(outcomes[0].status == 0)
    #expect(outcomes[1].status == 0)
    #expect(outcomes[0].output == outcomes[1].output)
    #expect(outcomes[0].outputLines.count == 6)
    for outcome in outcomes {
      #expect(outcome.errors.contains("events      50 in"))
      #expect(outcome.errors.contains("skipped     1\n"))
      #expect(outcome.errors.contains("decisions   6\n"))
      #expect(outcome.errors.contains("failed for 1 event: latency_ms missing 1"))
      #expect(outcome.errors.contains("failed for 1 event: error_rate mistyped 1"))
      #expect(outcome.errors.contains(#/evaluation  p50 \d+ ns, p95 \d+ ns, p99 \d+ ns/#))
    }
    #expect(outcomes[0].errors.contains("telemetry.jsonl:41: skipped an event: not valid JSON"))
    #expect(
      outcomes[1].errors.contains(
        "telemetry.csv:42: skipped an event: another number of cells than the header"))
  }

  @Test func `a missing or mistyped value fails only the rules that need it`() throws {
    let policy = try policy(
      #""a": "number", "b": "number""#, "a > 0", "a > 0 and b > 0", "b > 0", "always")
    let outcome = try run(
      policy,
      """
      {"a":1,"b":1}
      {"a":1}
      {"a":1,"b":"1"}
      {"a":1,"b":null}
      {"b":1}
      {"a":true,"b":1}

      """, as: "events.jsonl")
    #expect(outcome.status == 0)
    #expect(
      try decisions(outcome) == [
        "1 r1", "1 r2", "1 r3", "1 r4", "2 r1", "2 r4", "3 r1", "3 r4", "4 r1", "4 r4", "5 r3",
        "5 r4", "6 r3", "6 r4",
      ])
    #expect(
      outcome.errors.contains(
        """
            4 r1 -> t1
              failed for 2 events: a missing 1, a mistyped 1
        """))
    #expect(outcome.errors.contains("failed for 5 events: b mistyped 2"))
    #expect(outcome.errors.contains("failed for 3 events: b mistyped 2, b missing 1"))
    #expect(outcome.errors.contains("    6 r4 -> t4\n"))
  }

  @Test func `an ordering that the values rule out is counted as mistyped`() throws {
    let policy = try policy(#""x": "any""#, "x > 1", "x == 'a'")
    let outcome = try run(
      policy, "{\"x\":2}\n{\"x\":\"a\"}\n{\"x\":null}\n", as: "events.jsonl")
    #expect(try decisions(outcome) == ["1 r1", "2 r2"])
    #expect(outcome.errors.contains("failed for 2 events: x mistyped 2"))
  }

  @Test func `CSV cells are quoted, empty, mistyped, and in any order`() throws {
    let policy = try policy(
      #""n": "number", "s": "string", "b": "boolean", "x": "any""#, "n >= 0", "s >= ''", "b >= 0",
      "x != 'never'")
    let outcome = try run(
      policy,
      "s,extra, n ,\"x\",b\r\n"
        + "plain,,1,1,true\r\n"
        + "\"quo\"\"ted, with\nlines\",?,\" 2.50 \",true,0\n"
        + ",,,,\n"
        + "a,b,x12,word,maybe\n"
        + "é,,1e400,,2\n"
        + " a ,,-0,' ,FALSE\n"
        + "\"\",,+.5e1,1e5,\" 1 \"", as: "events.csv")
    #expect(outcome.status == 0)
    let values = try outcome.outputLines.map { line -> String in
      let row = try decodedRow(line)
      let values = try JSONSerialization.data(
        withJSONObject: row["values"] ?? [:], options: [.sortedKeys])
      return "\(row["step"] ?? "?") \(String(decoding: values, as: UTF8.self))"
    }
    #expect(
      values == [
        #"1 {"n":1}"#, #"1 {"s":"plain"}"#, #"1 {"b":true}"#, #"1 {"x":1}"#,
        #"2 {"n":2.5}"#, #"2 {"s":"quo\"ted, with\nlines"}"#, #"2 {"b":false}"#, #"2 {"x":true}"#,
        #"4 {"s":"a"}"#, #"4 {"x":"word"}"#,
        #"5 {"s":"é"}"#,
        #"6 {"n":0}"#, #"6 {"s":" a "}"#, #"6 {"x":"' "}"#,
        #"7 {"n":5}"#, #"7 {"b":true}"#, #"7 {"x":100000}"#,
      ])
    #expect(outcome.errors.contains("failed for 3 events: n mistyped 2, n missing 1"))
    #expect(outcome.errors.contains("failed for 4 events: b mistyped 3, b missing 1"))
  }

  @Test func `malformed lines of JSON are counted by kind, with the line of the first`() throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    var events = Data(
      "{\"a\":1}\n{\"a\":1,}\n\n[1]\n{\"a\":2}\r\n{\"a\":1}}\n\"x\"\n{\"a\":\"".utf8)
    events += [0xC3, 0x28]
    events += Data("\"}\n{\"a\":1e999}\n{\"a\":\"open}\n".utf8)
    let brackets = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
    events += Data("{\"b\":\(brackets)}\n".utf8)
    events += Data(("{\"a\":\"" + String(repeating: "x", count: 5_000_000) + "\"}\n").utf8)
    events += Data("  {\"a\":3}".utf8)
    let path = try folder.write(events, to: "events.jsonl")
    let outcome = try HoldfastProgram.run(["run", policy, "--input", path])
    #expect(outcome.status == 0)
    #expect(try decisions(outcome) == ["1 r1", "4 r1", "12 r1"])
    #expect(outcome.errors.contains("events      12 in"))
    #expect(outcome.errors.contains("skipped     9\n"))
    for (line, text) in [
      (2, "not valid JSON"), (4, "valid JSON, but not an object"), (8, "not UTF-8"),
      (9, "a number is malformed, or beyond"), (10, "a string is not closed"),
      (11, "nested too deeply"), (12, "too long"),
    ] {
      #expect(
        outcome.errors.contains(#/events.jsonl:(\d+): skipped an event: [^\n]+/#)
          && outcome.errors.split(separator: "\n").contains {
            $0.contains("events.jsonl:\(line): skipped an event") && $0.contains(text)
          }, "line \(line): \(outcome.errors)")
    }
    #expect(outcome.errors.contains("    2 valid JSON, but not an object, first at line 4\n"))
    #expect(outcome.errors.components(separatedBy: "skipped an event").count == 8)
  }

  @Test func `malformed rows of CSV are counted by kind, with the line of the first`() throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    var events = Data("a,b\n1,\"two\nlines\"\n1\n1,2,3\n1,\"x\"y\n1,x\"y\n2,\n1,".utf8)
    events += [0xFF]
    events += Data("\n3,\"é\"\n4,\"never closed\n5,\n6,6\n".utf8)
    let path = try folder.write(events, to: "events.csv")
    let outcome = try HoldfastProgram.run(["run", policy, "--input", path])
    #expect(outcome.status == 0)
    #expect(try decisions(outcome) == ["1 r1", "6 r1", "8 r1", "10 r1", "11 r1"])
    #expect(outcome.errors.contains("events.csv:4: skipped an event: another number of cells"))
    #expect(outcome.errors.contains("events.csv:6: skipped an event: a quote inside a cell"))
    #expect(outcome.errors.contains("events.csv:9: skipped an event: not UTF-8"))
    #expect(outcome.errors.contains("events.csv:11: skipped an event: a quoted cell is not closed"))
    #expect(
      outcome.errors.contains("    2 another number of cells than the header, first at line 4"))
    #expect(outcome.errors.contains("skipped     6\n"))
  }

  @Test func `a variable without a column is announced once and missing everywhere`() throws {
    let policy = try policy(#""a": "number", "b": "number", "unused": "any""#, "a > 0", "b > a")
    let outcome = try run(policy, "a\n1\n\n2\n", as: "events.csv")
    #expect(try decisions(outcome) == ["1 r1", "2 r1"])
    #expect(outcome.errors.components(separatedBy: "has no column 'b'").count == 2)
    #expect(outcome.errors.contains("these rules fail for every event: r2"))
    #expect(!outcome.errors.contains("unused"))
    #expect(outcome.errors.contains("failed for 2 events: b missing 2"))
  }

  @Test(arguments: [
    ("a,b,a\n1,2,3\n", "the header names the column 'a' twice"),
    ("\"a\n1,2\n", "events.csv:1: cannot read the header: a quoted cell is not closed"),
  ])
  func `a header that cannot be used ends with 2`(events: String, message: String) throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let outcome = try run(policy, events, as: "events.csv")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test(arguments: ["events.csv", "events.jsonl"], ["", "\n\n", "\u{FEFF}", "\r\n"])
  func `an empty file has no events`(name: String, content: String) throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let outcome = try run(policy, content, as: name)
    #expect(outcome.status == 0)
    #expect(outcome.output == "")
    #expect(outcome.errors.contains("events      0 in"))
  }

  @Test(arguments: ["\u{FEFF}a,b\r\n1,2\r\n", "\"a\",\"b\"\r\n\"1\",\"2\"\r\n", "b,a\n2,1"])
  func `byte order marks, CRLF, quotes and a missing last line end are taken`(
    events: String
  ) throws {
    let policy = try policy(#""a": "number", "b": "number""#, "a == 1 and b == 2")
    let outcome = try run(policy, events, as: "events.csv")
    #expect(try decisions(outcome) == ["1 r1"], "\(outcome.errors)")
  }

  @Test func `step is the number of the event, or the event's own where it has one`() throws {
    let policy = try policy(#""step": "number""#, "step >= 2")
    let outcome = try run(policy, "{}\n{}\nbad\n{\"step\":1}\n{}\n{\"step\":7}\n", as: "e.jsonl")
    #expect(try decisions(outcome) == ["2 r1", "5 r1", "6 r1"])
    #expect(outcome.outputLines.last?.hasSuffix(#""values":{"step":7}}"#) == true)

    let table = try run(policy, "a\n1\n1\n", as: "e.csv")
    #expect(try decisions(table) == ["2 r1"])
    #expect(!table.errors.contains("has no column"))
  }

  @Test(arguments: [
    (#""2026-03-01T10:00:00+05:30""#, #""2026-03-01T04:30:00.000Z""#),
    (#""2014-05-14 01:14:00""#, #""2014-05-14T01:14:00.000Z""#),
    (#""2026-03-01""#, #""2026-03-01T00:00:00.000Z""#),
    (#""2026-03-01T10:20Z""#, #""2026-03-01T10:20:00.000Z""#),
    (#""2024-02-29T23:59:60.123456789-0100""#, #""2024-03-01T01:00:00.123456789Z""#),
    (#""1969-12-31T23:59:59.5Z""#, #""1969-12-31T23:59:59.500Z""#),
    (#""0001-01-01T00:00:00Z""#, #""0001-01-01T00:00:00.000Z""#),
    ("1772359200", #""2026-03-01T10:00:00.000Z""#),
    ("1772359200250", #""2026-03-01T10:00:00.250Z""#),
    ("1772359200.000001", #""2026-03-01T10:00:00.000001Z""#),
    ("-0.5", #""1969-12-31T23:59:59.500Z""#),
  ])
  func `the event's own time is told in UTC`(time: String, expected: String) throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let outcome = try run(policy, "{\"a\":1,\"time\":\(time)}\n", as: "e.jsonl")
    #expect(outcome.output.hasPrefix(#"{"time":\#(expected),"step":1,"#), "\(outcome.output)")
  }

  @Test(arguments: [
    #""yesterday""#, #""2026-02-29""#, #""2026-13-01""#, #""2026-03-01T24:00:00Z""#, "1e300",
    #""2026-03-01T10:00:00Q""#, #""0000-01-01""#, "true",
  ])
  func `a time that is none is passed on, and said once`(time: String) throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let event = "{\"a\":1,\"time\":\(time)}\n"
    let outcome = try run(policy, event + event, as: "e.jsonl")
    let passedOn = time == "1e300" ? "1e+300" : time
    #expect(outcome.output.hasPrefix(#"{"time":\#(passedOn),"step":1,"#), "\(outcome.output)")
    #expect(outcome.errors.components(separatedBy: "could not be read as a time").count == 2)
  }

  @Test func `an event without a time gets that of the decision`() throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let before = Date()
    let outcome = try run(policy, "{\"a\":1}\n{\"a\":1,\"time\":null}\n", as: "e.jsonl")
    for line in outcome.outputLines {
      let time = try #require(try decodedRow(line)["time"] as? String)
      let date = try Date(
        time, strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true))
      #expect(date.timeIntervalSince(before) > -1 && date.timeIntervalSince(before) < 60)
    }
  }

  @Test func `limit counts events, malformed ones too`() throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let outcome = try run(
      policy, "{\"a\":1}\nbad\n{\"a\":1}\n{\"a\":1}\n", as: "e.jsonl", "--limit", "3")
    #expect(outcome.status == 0)
    #expect(try decisions(outcome) == ["1 r1", "3 r1"])
    #expect(outcome.errors.contains("events      3 in"))
  }

  @Test func `the last of repeated keys counts, and huge integers are numbers`() throws {
    let policy = try policy(#""a": "number""#, "a > 1")
    let outcome = try run(
      policy,
      """
      {"a":0,"a":2}
      {"a":9223372036854775808}
      {"a":123456789012345678901234567890,"b":"99999999999999999999\\" 1"}
      {"a":-123456789012345678901234567890}
      {"\\u0061":3}

      """, as: "e.jsonl")
    #expect(try decisions(outcome) == ["1 r1", "2 r1", "3 r1", "5 r1"], "\(outcome.errors)")
    #expect(outcome.outputLines[2].contains(#""a":1.2345678901234568e+29"#))
  }

  @Test func `keys may change their places from line to line`() throws {
    let policy = try policy(#""a": "number", "b": "number""#, "a == 1 and b == 2")
    let outcome = try run(
      policy,
      """
      {"a":1,"b":2}
      {"b":2,"a":1}
      {"x":{"a":9},"b":2,"y":[1,2],"a":1}
      {"a":1,"aa":3,"b":2}
      {"b":1,"a":2}

      """, as: "e.jsonl")
    #expect(try decisions(outcome) == ["1 r1", "2 r1", "3 r1", "4 r1"])
  }

  @Test func `a policy with problems is not run`() throws {
    let policy = try policy(#""a": "number""#, "b > 0")
    let outcome = try run(policy, "{}\n", as: "e.jsonl")
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(outcome.errors.contains("policy.json:1:"))
    #expect(outcome.errors.contains("| ^"))
  }

  @Test func `files that cannot be read end with 2`() throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    let missing = try HoldfastProgram.run(["run", policy, "--input", folder.path + "/no.csv"])
    #expect(missing.status == 2)
    #expect(missing.errors.contains("no.csv: No such file or directory"))

    let directory = try HoldfastProgram.run(
      ["run", policy, "--input", folder.path, "--format", "csv"])
    #expect(directory.status == 2)
    #expect(directory.errors.contains("cannot read \(folder.path): Is a directory"))
  }

  @Test func `the format can be said, and names are taken in any case`() throws {
    let policy = try policy(#""a": "number""#, "a > 0")
    #expect(try decisions(run(policy, "a\n1\n", as: "e.txt", "--format", "csv")) == ["1 r1"])
    #expect(try decisions(run(policy, "a\n1\n", as: "e.CSV")) == ["1 r1"])
    #expect(try decisions(run(policy, "{\"a\":1}\n", as: "e.json")) == ["1 r1"])
    #expect(try decisions(run(policy, "{\"a\":1}\n", as: "e.ndjson")) == ["1 r1"])
    #expect(
      try decisions(run(policy, "{\"a\":1}\n", as: "e.csv", "--format", "jsonl")) == ["1 r1"])
  }
}
