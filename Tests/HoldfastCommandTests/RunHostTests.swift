import Foundation
import Testing

/// `holdfast run --input host`, on this machine and on made-up ones.
@Suite(.timeLimit(.minutes(1))) struct RunHostTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A machine whose kernel has no pressure-stall figures.
  private func machine() throws -> String {
    try folder.write("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n", to: "host/proc/stat")
    try folder.write(
      "MemTotal:       4096000 kB\nMemFree: 1 kB\nMemAvailable:   1024000 kB\n",
      to: "host/proc/meminfo")
    try folder.write("1.25 0.50 0.10 1/200 4242\n", to: "host/proc/loadavg")
    for process in ["1", "2", "977"] {
      try folder.write("", to: "host/proc/\(process)/comm")
    }
    try folder.write("", to: "host/proc/self/comm")
    return folder.path + "/host"
  }

  private func policy(_ variables: String, _ rules: (id: String, when: String)...) throws -> String
  {
    let texts = rules.map { #"{"id":"\#($0.id)","when":"\#($0.when)","then":"act"}"# }
    return try folder.write(
      #"{"version":1,"variables":{\#(variables)},"rules":[\#(texts.joined(separator: ","))]}"#,
      to: "policy.json")
  }

  @Test func `the shipped policy decides something on this machine`() throws {
    let outcome = try HoldfastProgram.run([
      "run", HoldfastProgram.root + "/examples/policies/host.json", "--input", "host", "--every",
      "20ms", "--limit", "2",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.outputLines.count >= 1)
    for line in outcome.outputLines {
      let row = try decodedRow(line)
      #expect(Set(row.keys) == ["time", "step", "rule", "then", "values"])
      let time = try #require(row["time"] as? String)
      #expect(time.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#) != nil)
      #expect([1, 2].contains(row["step"] as? Int))
    }
    #expect(outcome.errors.contains(" rules over this host, every 20ms, at most 2 events"))
    #expect(outcome.errors.contains("events      2 in"))
  }

  @Test func `figures that the kernel lacks are announced once, with the rules they disable`()
    throws
  {
    let policy = try policy(
      """
      "memory_percent": "number", "cpu_pressure_avg10": "number", "io_pressure_avg10": "number",
      "memory_pressure_avg10": "any"
      """,
      ("memory", "memory_percent > 50"), ("cpu", "cpu_pressure_avg10 >= 0"),
      ("both", "memory_percent > 50 or cpu_pressure_avg10 >= 0"), ("io", "io_pressure_avg10 >= 0"))
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "host", "--every", "1ms", "--limit", "3"],
      environment: ["HOLDFAST_HOST_ROOT": try machine()])
    #expect(outcome.status == 0)
    #expect(outcome.outputLines.count == 3)
    #expect(outcome.outputLines.allSatisfy { $0.contains(#""rule":"memory""#) })
    let notes = outcome.errors.split(separator: "\n").filter { $0.contains(" here (") }
    #expect(notes.count == 3)
    #expect(notes[0].contains("no cpu_pressure_avg10 here"))
    #expect(notes[0].contains("/proc/pressure/cpu: No such file or directory"))
    #expect(notes[0].hasSuffix("not evaluated: cpu, both"))
    #expect(notes[1].contains("no io_pressure_avg10 here"))
    #expect(notes[1].hasSuffix("not evaluated: io"))
    #expect(notes[2].contains("no memory_pressure_avg10 here"))
    #expect(notes[2].hasSuffix("no rule needs it"))
    #expect(outcome.errors.contains("- cpu: not evaluated, there is no cpu_pressure_avg10"))
    #expect(!outcome.errors.contains("failed for"))
  }

  @Test func `the figures are what the kernel's files say`() throws {
    let policy = try policy(
      """
      "memory_percent": "number", "memory_available_mb": "number", "load_1m": "number",
      "process_count": "number", "disk_usage_percent": "number", "step": "number"
      """,
      (
        "all",
        "memory_percent == 75 and memory_available_mb == 1000 and load_1m == 1.25"
          + " and process_count == 3 and disk_usage_percent >= 0 and disk_usage_percent <= 100"
          + " and step == 2"
      ))
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "host", "--every", "1ms", "--limit", "2"],
      environment: ["HOLDFAST_HOST_ROOT": try machine()])
    #expect(outcome.outputLines.count == 1, "\(outcome.errors)")
    #expect(
      outcome.output.contains(
        #""values":{"memory_percent":75,"memory_available_mb":1000,"load_1m":1.25,"#
          + #""process_count":3,"disk_usage_percent":"#))
  }

  @Test func `pressure is the share of the last ten seconds in which something waited`() throws {
    let root = try machine()
    for (name, share) in [("cpu", "1.50"), ("memory", "0.00"), ("io", "99.25")] {
      try folder.write(
        "some avg10=\(share) avg60=7.00 avg300=8.00 total=9\nfull avg10=3.00 avg60=4.00\n",
        to: "host/proc/pressure/\(name)")
    }
    let policy = try policy(
      """
      "cpu_pressure_avg10": "number", "io_pressure_avg10": "number",
      "memory_pressure_avg10": "number"
      """,
      (
        "all",
        "cpu_pressure_avg10 == 1.5 and memory_pressure_avg10 == 0 and io_pressure_avg10 == 99.25"
      ))
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "host", "--every", "1ms", "--limit", "1"],
      environment: ["HOLDFAST_HOST_ROOT": root])
    #expect(outcome.outputLines.count == 1, "\(outcome.errors)")
  }

  @Test func `the share of busy processor time is that between two samples`() throws {
    let root = try machine()
    let policy = try policy(
      #""cpu_percent": "number""#, ("tick", "always"), ("busy", "cpu_percent == 75"))
    let program = try HoldfastProgram.start(
      ["run", policy, "--input", "host", "--every", "5ms"],
      environment: ["HOLDFAST_HOST_ROOT": root])
    // The first tick comes after the first reading; until the figures move there is no share, and
    // afterwards the latest one stands.
    #expect(try program.line().contains(#""rule":"tick""#))
    try folder.write("cpu  190 10 100 830 70 0 0 0 50 0\n", to: "host/proc/stat")
    for _ in 1...2 {
      var line = try program.line()
      while line.contains(#""rule":"tick""#) { line = try program.line() }
      #expect(line.contains(#""rule":"busy","then":"act","values":{"cpu_percent":75}"#))
    }
    program.interrupt()
    #expect(try program.finish().status == 130)
  }

  @Test func `variables that are no figures, or of another type, disable their rules`() throws {
    let policy = try policy(
      #""load_1m": "string", "severity": "any", "process_count": "number""#,
      ("a", "load_1m == 'x'"), ("b", "severity > 1"), ("c", "process_count > 0"))
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "host", "--every", "1ms", "--limit", "1"])
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("no load_1m here (it is declared as string"))
    #expect(outcome.errors.contains("no severity here (it is none of the host's figures)"))
    #expect(outcome.outputLines.count == 1)
  }

  @Test func `samples of a slow run appear one by one`() throws {
    let policy = try policy(#""load_1m": "number""#, ("a", "load_1m >= 0"))
    let program = try HoldfastProgram.start(
      ["run", policy, "--input", "host", "--every", "200ms"])
    #expect(try program.line().contains(#""step":1,"#))
    program.interrupt()
    let outcome = try program.finish()
    #expect(outcome.status == 130)
    #expect(outcome.errors.contains("summary"))
  }

  @Test func `for bounds a run over the host`() throws {
    let policy = try policy(#""load_1m": "number""#, ("a", "load_1m >= 0"))
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "host", "--every", "10ms", "--for", "35ms"])
    #expect(outcome.status == 0)
    #expect((1...3).contains(outcome.outputLines.count))
  }

  @Test func `samples are a millisecond apart at least`() throws {
    let policy = try policy(#""load_1m": "number""#, ("a", "load_1m >= 0"))
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "host", "--every", "0.5ms", "--limit", "1"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("--every is 1ms at least, not '0.5ms'"))
  }
}
