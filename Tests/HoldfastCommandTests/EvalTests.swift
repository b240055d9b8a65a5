import Foundation
import Testing

@Suite struct EvalTests {
  private func eval(_ arguments: String...) throws -> HoldfastProgram.Outcome {
    try HoldfastProgram.run(["eval"] + arguments)
  }

  @Test func `a condition that holds prints true and ends with 0`() throws {
    let outcome = try eval(
      "severity >= 0.8 and recurrence_count >= 2", "severity=0.9", "recurrence_count=3")
    #expect(outcome.status == 0)
    #expect(outcome.output == "true\n")
    #expect(outcome.errors == "")
  }

  @Test func `a condition that does not hold prints false and ends with 1`() throws {
    let outcome = try eval("severity >= 0.8", "severity=0.7")
    #expect(outcome.status == 1)
    #expect(outcome.output == "false\n")
    #expect(outcome.errors == "")
  }

  @Test func `a fault of the text ends with 2 and a caret under it`() throws {
    let outcome = try eval("sevrity >= 0.8", "severity=1")
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(
      outcome.errors == """
        holdfast: error: variable_not_allowed: unknown variable 'sevrity'; did you mean 'severity'?
          1 | sevrity >= 0.8
            | ^~~~~~~

        """)
  }

  @Test func `a variable without a value ends with 2 and a caret under it`() throws {
    let outcome = try eval("step == 1 or severity > 0.5", "step=1")
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(outcome.errors.contains("missing_variable"))
    #expect(
      outcome.errors.contains("  1 | step == 1 or severity > 0.5\n    |              ^~~~~~~~\n"))
  }

  @Test(arguments: [
    ("severity == 3", "3"), ("severity == 0.5", "0.5"), ("severity < 0", "-2.5"),
    ("severity == 1000000", "1e6"), ("severity == 0.5", "+.5"), ("severity == 1", "true"),
    ("severity == 0", "false"), ("severity == 'eu'", "eu"), ("severity == '3'", "'3'"),
    ("severity == 'true'", "\"true\""), ("severity != 0", "null"), ("severity == ''", ""),
    ("severity == '1.2.3'", "1.2.3"), ("severity == 'inf'", "inf"), ("severity == 'a=b'", "a=b"),
    ("severity == \"it's\"", "it's"),
  ])
  func `a value is a number, a boolean, null or else a string`(
    condition: String, value: String
  ) throws {
    let outcome = try eval(condition, "severity=\(value)")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func `null has no order`() throws {
    let outcome = try eval("severity > 0", "severity=null")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("type_mismatch"))
  }

  @Test func `a name that is not declared is refused`() throws {
    let outcome = try eval("severity > 0", "severity=1", "durationn=2")
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(
      outcome.errors.contains("'durationn' is not a declared variable; did you mean 'duration'?"))
    #expect(
      outcome.errors.contains("declared: severity, recurrence_count, confidence, step, duration"))
  }

  @Test func `a condition that fell apart into words is explained`() throws {
    let outcome = try eval("severity > 0.5", "and")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("put the whole condition in one pair of quotes"))
  }

  @Test func `no condition is an error of use`() throws {
    let outcome = try eval()
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("a condition is missing"))
    #expect(outcome.errors.contains("holdfast eval --help"))
  }

  @Test func `explain shows each comparison with its values`() throws {
    let outcome = try eval(
      "severity >= 0.8 and recurrence_count >= 2", "severity=0.9", "recurrence_count=1",
      "--explain")
    #expect(outcome.status == 1)
    #expect(
      outcome.output == """
        false
        false  and
        true     severity >= 0.8        severity = 0.9
        false    recurrence_count >= 2  recurrence_count = 1

        """)
  }

  @Test func `explain shows also what could not be decided`() throws {
    let outcome = try eval("--explain", "severity >= 0.8 or step == 1", "severity=0.9")
    #expect(outcome.status == 2)
    #expect(outcome.output.contains("step is missing"))
    #expect(outcome.output.contains("severity = 0.9"))
    #expect(outcome.errors.contains("missing_variable"))
  }

  @Test func `a schema declares other variables`() throws {
    let folder = try TemporaryFolder()
    let schema = try folder.write(
      #"{"variables": {"cpu": "number", "region": "string", "ok": "boolean", "x": "any"}}"#,
      to: "schema.json")
    let fits = try eval(
      "cpu > 90 and region == '7' and ok == 1 and x == 'y'", "cpu=91", "region=7", "ok=true", "x=y",
      "--schema", schema)
    #expect(fits.status == 0, "\(fits.errors)")

    let classic = try eval("severity > 0", "--schema=\(schema)", "cpu=1")
    #expect(classic.status == 2)
    #expect(classic.errors.contains("unknown variable 'severity'"))

    let mistyped = try eval("cpu > 90", "cpu=high", "--schema", schema)
    #expect(mistyped.status == 2)
    #expect(mistyped.errors.contains("cpu=high: 'cpu' is declared as number"))
  }

  @Test func `a policy serves as a schema`() throws {
    let outcome = try eval(
      "region == 'eu'", "region=eu", "--schema",
      HoldfastProgram.root + "/examples/policies/telemetry.json")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func `a schema that cannot be used is refused with its place`() throws {
    let folder = try TemporaryFolder()
    let schema = try folder.write("{\"variables\":\n {\"cpu\": \"nummer\"}}", to: "schema.json")
    let outcome = try eval("cpu > 1", "cpu=1", "--schema", schema)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("\(schema):2:10: unknown type 'nummer'; did you mean 'number'?"))
  }

  @Test func `an argument that is not UTF-8 is refused`() throws {
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = [
      "-c", #"exec "$0" eval "$(printf 'severity > \377')" severity=1"#, HoldfastProgram.path,
    ]
    let errors = Pipe()
    shell.standardError = errors
    shell.standardOutput = FileHandle.nullDevice
    try shell.run()
    let text = String(
      decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 2)
    #expect(text.contains("invalid_utf8"))
  }

  @Test func `a full disk is an error`() throws {
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = [
      "-c", #"exec "$0" eval always >/dev/full"#, HoldfastProgram.path,
    ]
    let errors = Pipe()
    shell.standardError = errors
    try shell.run()
    let text = String(
      decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 2)
    #expect(text.contains("cannot write to standard output: the disk is full"))
  }

  @Test(arguments: [
    (["severity > 1", "severity=1", "severity=2"], "severity is given twice"),
    (["severity > 1", "severity==3"], "expected name=value, found 'severity==3'"),
    (["-1 < severity", "severity=1"], "put '--' before an argument that begins with '-'"),
  ])
  func `a slip on the command line is told`(arguments: [String], message: String) throws {
    let outcome = try HoldfastProgram.run(["eval"] + arguments)
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test func `two dashes end the options`() throws {
    let outcome = try eval("--", "-1 < severity", "severity=1")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("unexpected character '-'"))
  }

  @Test func `a value that begins with a combining mark keeps it`() throws {
    let outcome = try eval("severity == '\u{301}x'", "severity=\u{301}x")
    #expect(outcome.output == "true\n", "\(outcome.errors)")
  }
}
