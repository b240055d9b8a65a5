import Testing

@Suite struct HelpTests {
  @Test(arguments: [
    (["--help"], "usage: holdfast COMMAND"), (["-h"], "usage: holdfast COMMAND"),
    (["help"], "usage: holdfast COMMAND"), (["eval", "--help"], "usage: holdfast eval CONDITION"),
    (["check", "-h"], "usage: holdfast check POLICY"),
    (["run", "policy.json", "--help"], "usage: holdfast run POLICY --input host|FILE|-"),
    (["help", "run"], "usage: holdfast run POLICY --input host|FILE|-"),
  ])
  func `help teaches, on standard output`(arguments: [String], usage: String) throws {
    let outcome = try HoldfastProgram.run(arguments)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains(usage))
    #expect(outcome.output.contains("\n  holdfast "), "an example")
    #expect(outcome.output.contains("exit status"))
    #expect(outcome.outputLines.allSatisfy { $0.count <= 100 })
    #expect(outcome.errors == "")
  }

  @Test func `the version`() throws {
    let outcome = try HoldfastProgram.run(["--version"])
    #expect(outcome.status == 0)
    #expect(outcome.output.wholeMatch(of: #/holdfast \d+\.\d+\.\d+\n/#) != nil)
  }

  @Test(arguments: [
    ([], "a command is missing"),
    (["evl"], "there is no command 'evl'; did you mean 'eval'?"),
    (["--versoin"], "there is no command '--versoin'; did you mean '--version'?"),
    (["help", "chekc"], "there is no command 'chekc'; did you mean 'check'?"),
    (["eval", "always", "--explian"], "unknown option '--explian'; did you mean '--explain'?"),
    (["eval", "always", "--explain=1"], "--explain takes no value"),
    (["eval", "always", "--schema"], "--schema needs a value"),
    (["check", "--strict", "x"], "unknown option '--strict'"),
    (["run"], "a policy file is missing"),
    (["run", "a.json"], "--input is missing"),
    (["run", "a.json", "b.json", "--input", "-"], "'b.json' is one argument too many"),
    (["run", "a.json", "--input", "-", "--input", "host"], "--input is given twice"),
    (["run", "a.json", "--input", "x.txt"], "say --format jsonl or --format csv"),
    (["run", "a.json", "--input", "-", "--format", "cvs"], "not 'cvs'; did you mean 'csv'?"),
    (["run", "a.json", "--input", "host", "--format", "csv"], "does not go with --input host"),
    (["run", "a.json", "--input", "-", "--for", "15"], "--for is a duration above zero"),
    (["run", "a.json", "--input", "-", "--for", "0s"], "--for is a duration above zero"),
    (["run", "a.json", "--input", "-", "--every", "-1s"], "--every is a duration above zero"),
    (["run", "a.json", "--input", "-", "--every", "1e3s"], "--every is a duration above zero"),
    (["run", "a.json", "--input", "-", "--limit", "0"], "--limit is a whole number above 0"),
    (["run", "a.json", "--input", "-", "--limit", "1.5"], "--limit is a whole number above 0"),
  ])
  func `a wrong command line is explained and ends with 2`(
    arguments: [String], message: String
  ) throws {
    let outcome = try HoldfastProgram.run(arguments)
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(outcome.errors.hasPrefix("holdfast: error: "))
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(outcome.errors.contains("--help"), "where to read more")
  }

  @Test func `nothing is coloured where there is no terminal`() throws {
    let outcome = try HoldfastProgram.run(["evl"])
    #expect(!outcome.errors.contains("\u{1B}"))
  }
}
