import Foundation
import Testing

@Suite struct CheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func check(_ policy: String) throws -> HoldfastProgram.Outcome {
    let path = try folder.write(policy, to: "policy.json")
    let outcome = try HoldfastProgram.run(["check", path])
    // Messages name the file as it was given; the tests look at the rest.
    return HoldfastProgram.Outcome(
      status: outcome.status, output: outcome.output.replacing(path, with: "FILE"),
      errors: outcome.errors)
  }

  /// A policy whose only rule, on line 5, has this condition.
  private func policy(when condition: String) -> String {
    """
    {
      "version": 1,
      "variables": {"cpu": "number", "region": "string"},
      "rules": [
        {"id": "hot", "when": "\(condition)", "then": "throttle"}
      ]
    }
    """
  }

  @Test func `a sound policy ends with 0`() throws {
    let outcome = try check(policy(when: "cpu > 90 and region == 'eu'"))
    #expect(outcome.status == 0)
    #expect(outcome.output == "FILE: ok: 1 rule, 2 variables\n")
    #expect(outcome.errors == "")
  }

  @Test(arguments: ["host.json", "telemetry.json"])
  func `the policies that come with Holdfast are sound`(name: String) throws {
    let outcome = try HoldfastProgram.run(
      ["check", HoldfastProgram.root + "/examples/policies/\(name)"])
    #expect(outcome.status == 0, "\(outcome.output)")
  }

  @Test func `a bad condition is shown with the line of the file and a caret`() throws {
    let outcome = try check(policy(when: "cpu > 90 and regio == 'eu'"))
    #expect(outcome.status == 1)
    #expect(
      outcome.output == """
        FILE:5:41: variable_not_allowed: unknown variable 'regio'; did you mean 'region'?
          1 | cpu > 90 and regio == 'eu'
            |              ^~~~~
        FILE: 1 problem

        """)
  }

  @Test(arguments: [
    ("cpu > 1 or \\n  x > 1", 43), ("region == '\\\"' and x > 1", 47),
    ("region == '\\u00e9' and x > 1", 51), ("region == '\\ud83d\\ude00' and x > 1", 57),
    ("region == 'é' and x > 1", 46),
  ])
  func `escapes in a condition do not move its place`(condition: String, column: Int) throws {
    let outcome = try check(policy(when: condition))
    #expect(outcome.output.hasPrefix("FILE:5:\(column): variable_not_allowed"), "\(outcome.output)")
  }

  @Test func `every problem is found in one pass, in the order of the file`() throws {
    let outcome = try check(
      """
      {
        "version": 2,
        "name": "x",
        "variables": {"cpu": "number", "and_x": "any", "mem": "numbr", "cpu": "any", "z": 3},
        "rules": [
          {"id": "a", "when": "cpu > 1 and cpuu < 3", "then": "x"},
          {"id": "a", "wen": "cpu > 1", "then": ""},
          {"id": "b", "when": "cpu > 'x'", "then": "y", "then": "y"},
          {"id": 5, "when": 6, "then": 7, "description": 8},
          9
        ]
      }
      """)
    #expect(outcome.status == 1)
    let messages = outcome.outputLines.filter { $0.hasPrefix("FILE:") && !$0.contains("problems") }
    let expected = [
      "2:14: version 2 is not supported",
      "3:3: unknown key 'name' in a policy",
      "4:34: reserved_name",
      "4:57: unknown type 'numbr'; did you mean 'number'?",
      "4:66: variable 'cpu' is declared twice",
      "4:85: the type of 'z' is one of any, number, string, boolean",
      "6:38: variable_not_allowed: unknown variable 'cpuu'; did you mean 'cpu'?",
      "7:5: a rule needs the key 'when'",
      "7:12: another rule has the id 'a' already",
      "7:17: unknown key 'wen' in a rule; did you mean 'when'?",
      "7:43: 'then' is empty",
      "8:26: type_mismatch",
      "8:51: the key 'then' is there twice",
      "9:12: 'id' is text in double quotes, found a number",
      "9:23: 'when' is a condition in double quotes, found a number",
      "9:34: 'then' is text in double quotes, found a number",
      "9:52: 'description' is text in double quotes, found a number",
      "10:5: a rule is an object, found a number",
    ]
    #expect(messages.count == expected.count, "\(outcome.output)")
    for (message, beginning) in zip(messages, expected) {
      #expect(message.hasPrefix("FILE:" + beginning))
    }
    #expect(outcome.outputLines.last == "FILE: \(expected.count) problems")
    #expect(outcome.outputLines.count { $0.contains("| ") && $0.contains("^") } == expected.count)
  }

  @Test(arguments: [
    ("{}", "1:1: a policy needs the key 'version'"),
    ("[]", "1:1: expected an object, found an array"),
    ("{\"version\": \"1\", \"variables\": {}, \"rules\": []}", "1:13: 'version' is a number"),
    (
      "{\"version\": 1, \"variables\": {}, \"rules\": []}", "1:42: a policy needs at least one rule"
    ),
    ("{\"version\": 1, \"variables\": [], \"rules\": 3}", "1:29: 'variables' is an object"),
    ("", "1:1: not valid JSON: expected a value, found the end of the text"),
    (
      "{\n  \"version\": 1\n  \"rules\": []}",
      "3:3: not valid JSON: expected ',' or '}', found '\"'"
    ),
    ("{\"version\": 1,}", "1:15: not valid JSON: expected a key in double quotes, found '}'"),
    ("{\"version\": True}", "1:13: not valid JSON: expected a value, found 'True'"),
    ("{\"version\": 01}", "1:13: not valid JSON: a number begins with 0"),
    ("{\"é\": \"\\q\"}", "1:8: not valid JSON: an escape that JSON does not have"),
    ("{\"a", "1:2: not valid JSON: a string is not closed"),
    ("{} {}", "1:4: not valid JSON: expected the end of the text, found '{'"),
    ("\u{FEFF}{\"version\": }", "1:14: not valid JSON: expected a value"),
  ])
  func `what is wrong with the JSON is said with its place`(
    policy: String, message: String
  ) throws {
    let outcome = try check(policy)
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("FILE:" + message), "\(outcome.output)")
  }

  /// The first line of each report, without `FILE:`, and without the count at the end.
  private func messages(_ outcome: HoldfastProgram.Outcome) -> [String] {
    outcome.outputLines.dropLast().filter { $0.hasPrefix("FILE:") }
      .map { String($0.dropFirst("FILE:".count)) }
  }

  @Test func `of many problems the first are shown, and all are counted`() throws {
    let rules = (1...2500).map { "{\"id\": \"r\($0)\", \"when\": \"zz > 1\", \"then\": \"t\"}" }
    let outcome = try check(
      "{\"version\": 1, \"variables\": {\"cpu\": \"any\"}, \"rules\": [\n"
        + rules.joined(separator: ",\n") + "\n], \"name\": 1}")
    #expect(outcome.status == 1)
    let messages = messages(outcome)
    #expect(messages.count == 1000)
    #expect(messages.first?.hasPrefix("2:23: variable_not_allowed") == true)
    #expect(messages.last?.hasPrefix("1001:26: variable_not_allowed") == true)
    #expect(outcome.outputLines.last == "FILE: 2,501 problems, 1,501 of them not shown")
  }

  @Test func `the first problems are those of the file, not those that were found first`() throws {
    // A missing key is noticed after the unknown ones, and stands before them.
    let keys = (1...3000).map { "\"k\($0)\": 1" }.joined(separator: ",\n")
    let outcome = try check("{\n\(keys)\n}")
    let messages = messages(outcome)
    #expect(messages.count == 1000)
    #expect(messages.prefix(4).map { $0.prefix(4) } == ["1:1:", "1:1:", "1:1:", "2:1:"])
    #expect(messages.last?.hasPrefix("998:1: unknown key 'k997'") == true)
    #expect(outcome.outputLines.last == "FILE: 3,003 problems, 2,003 of them not shown")
  }

  @Test func `a run with a bad policy says how many problems it does not show`() throws {
    let keys = (1...1500).map { "\"k\($0)\": 1" }.joined(separator: ",\n")
    let path = try folder.write("{\n\(keys)\n}", to: "policy.json")
    let run = try HoldfastProgram.run(["run", path, "--input", "-"])
    #expect(run.status == 2)
    #expect(run.errors.contains("\(path): 1,503 problems, 503 of them not shown\n"))
    let schema = try HoldfastProgram.run(["eval", "--schema", path, "always"])
    #expect(schema.status == 2)
    #expect(schema.errors.contains("\(path): 1,501 problems, 501 of them not shown\n"))
  }

  @Test func `a long line with many problems is checked to its end`() throws {
    // The harness ends a program that takes a minute: the work for each problem used to grow with
    // the length of the line.
    let keys = (1...40_000).map { "\"é\($0)\": 1" }.joined(separator: ",")
    let outcome = try check("{\(keys)}")
    #expect(outcome.status == 1)
    #expect(outcome.outputLines.last == "FILE: 40,003 problems, 39,003 of them not shown")
    // 9 keys of one digit, 90 of two, 898 of three.
    let column = 2 + 9 * 8 + 90 * 9 + 897 * 10
    let last = "FILE:1:\(column): unknown key 'é997' in a policy"
    let index = try #require(outcome.outputLines.firstIndex(of: last))
    #expect(
      outcome.outputLines[index + 1]
        == "  1 | ...3\": 1,\"é994\": 1,\"é995\": 1,\"é996\": 1,\"é997\": 1,\"é998\": 1,"
        + "\"é999\": 1,\"é1000...")
    #expect(
      outcome.outputLines[index + 2] == "    | " + String(repeating: " ", count: 39) + "^~~~~~")
  }

  @Test func `the place of a problem does not depend on where it is in a large file`() throws {
    var paths: [String] = []
    var expected: [String] = []
    for length in 4060...4110 {
      for (line, lineEnd) in ["\n", ""].enumerated() {
        // Two bytes a character, so that some are cut by whatever the file is read in.
        let padding = String(repeating: "é", count: length)
        let path = try folder.write(
          "{\"a\":\"\(padding)\",\(lineEnd)\"b\": 1}", to: "\(length)-\(line).json")
        paths.append(path)
        expected.append(
          path + (lineEnd.isEmpty ? ":1:\(length + 9)" : ":2:1") + ": unknown key 'b' in a policy")
      }
    }
    let outcome = try HoldfastProgram.run(["check"] + paths)
    #expect(outcome.outputLines.filter { $0.contains("unknown key 'b'") } == expected)
  }

  @Test func `a policy's text cannot act on the terminal or look like a report`() throws {
    let outcome = try check(
      #"""
      {"version": 1, "variables": {"\u001b[2J": "any", "x": "\u009b1m\u202e\u2028y"},
      "\u001b[31mk\nFILE:1:1: ok": 1, "rules": [{"id": "\u0007", "when": "always", "then": "t"},
      {"id": "\u0007", "when": "\u001b[1m\n > 1", "then": "t", "\u061c\u007f": 1}]}
      """#)
    #expect(outcome.status == 1)
    #expect(
      messages(outcome).map { $0.split(separator: " ").prefix(4).joined(separator: " ") } == [
        "1:30: invalid_name: ' [2J'", "1:55: unknown type '", "2:1: unknown key '",
        "3:8: another rule has", "3:27: unexpected_character: unexpected control",
        "3:58: unknown key '",
      ], "\(outcome.output)")
    #expect(outcome.output.contains("2:1: unknown key ' [31mk FILE:1:1: ok' in a policy\n"))
    #expect(outcome.output.contains("unknown type ' 1m  y'"))
    let acting: Set<Unicode.GeneralCategory> = [
      .control, .format, .lineSeparator, .paragraphSeparator,
    ]
    #expect(
      outcome.output.unicodeScalars.allSatisfy {
        $0 == "\n" || !acting.contains($0.properties.generalCategory)
      })
  }

  @Test func `the line at fault is shown without what acts on a terminal`() throws {
    let outcome = try check("{\"a\u{202E}\u{2028}\u{9B}b\u{7F}\": 1}")
    #expect(outcome.output.contains("\n  1 | {\"a   b \": 1}\n    |  ^~~~~~~~\n"))
  }

  @Test func `a file's name cannot act on the terminal either`() throws {
    let path = try folder.write("{}", to: "\u{1B}[31m\nx.json")
    let sound = try folder.write(policy(when: "always"), to: "\u{1B}[32m.json")
    let outcome = try HoldfastProgram.run(["check", path, sound])
    #expect(outcome.output.contains("/ [31m x.json:1:1: a policy needs"))
    #expect(outcome.output.contains("/ [31m x.json: 3 problems\n"))
    #expect(outcome.output.contains("/ [32m.json: ok: 1 rule"))
    #expect(!outcome.output.contains("\u{1B}"))
  }

  @Test func `what only looks the same is not the same`() throws {
    let rules = ["\u{E9}", "e\u{301}"].map {
      "{\"id\": \"\($0)\", \"when\": \"always\", \"then\": \"t\"}"
    }
    let outcome = try check(
      "{\"version\": 1, \"variables\": {}, \"rules\": [\(rules.joined(separator: ","))]}")
    #expect(outcome.output == "FILE: ok: 2 rules, 0 variables\n")

    let names = try check(
      "{\"version\": 1, \"variables\": {\"\u{E9}\": \"any\", \"e\u{301}\": \"any\"},\n"
        + "\"rules\": [{\"id\": \"a\", \"when\": \"always\", \"then\": \"t\"}]}")
    #expect(names.outputLines.count { $0.contains("invalid_name") } == 2, "\(names.output)")
    #expect(!names.output.contains("declared twice"))
  }

  @Test func `everything under a repeated key is checked`() throws {
    let outcome = try check(
      """
      {
        "version": 2, "version": "1",
        "variables": {"a": "number", "a": "numbr"},
        "rules": [{"id": "x", "when": "zz > 1", "then": "t"}],
        "rules": [{"id": "x", "when": "a > 1 or b", "then": "t"}, {
          "id": 1, "id": "y", "id": "y", "when": "yy > 1", "when": "a > 1", "then": "", "then": "t",
          "description": 1, "description": "d"}],
        "variables": {"a": "string", "b": "nmber"}
      }
      """)
    #expect(outcome.status == 1)
    let expected = [
      "2:14: version 2 is not supported",
      "2:17: the key 'version' is there twice",
      "2:28: 'version' is a number, found a string",
      "3:32: variable 'a' is declared twice",
      "3:37: unknown type 'numbr'",
      "4:34: variable_not_allowed: unknown variable 'zz'",
      "5:3: the key 'rules' is there twice",
      "5:20: another rule has the id 'x' already",
      "5:44: expected_operator",
      "6:11: 'id' is text in double quotes, found a number",
      "6:14: the key 'id' is there twice",
      "6:25: the key 'id' is there twice",
      "6:45: variable_not_allowed: unknown variable 'yy'",
      "6:54: the key 'when' is there twice",
      "6:79: 'then' is empty",
      "6:83: the key 'then' is there twice",
      "7:20: 'description' is text in double quotes, found a number",
      "7:23: the key 'description' is there twice",
      "8:3: the key 'variables' is there twice",
      "8:37: unknown type 'nmber'",
    ]
    let messages = messages(outcome)
    #expect(messages.count == expected.count, "\(outcome.output)")
    for (message, beginning) in zip(messages, expected) {
      #expect(message.hasPrefix(beginning))
    }
  }

  @Test(arguments: [
    ([0x61, 0xFF, 0x62], "1:9", 1), ([0xC3, 0xA9, 0x5C, 0x6E, 0xE2, 0x82], "1:11", 2),
    ([0x5C, 0x75, 0x30, 0x30, 0x65, 0x39, 0xC3], "1:14", 1),
  ])
  func `a byte that is not UTF-8 is marked itself`(
    text: [UInt8], place: String, length: Int
  ) throws {
    let path = try folder.write(
      Data("{\"v\": \"".utf8) + text + Data("\"}".utf8), to: "policy.json")
    let outcome = try HoldfastProgram.run(["check", path])
    #expect(
      outcome.output.hasPrefix("\(path):\(place): not valid JSON: a string is not UTF-8\n"),
      "\(outcome.output)")
    #expect(outcome.output.contains("\u{FFFD}"))
  }

  @Test func `several files are all checked, and the worst one decides`() throws {
    let sound = try folder.write(policy(when: "always"), to: "sound.json")
    let broken = try folder.write("{}", to: "broken.json")
    let missing = folder.path + "/missing.json"
    let both = try HoldfastProgram.run(["check", broken, sound])
    #expect(both.status == 1)
    #expect(both.output.contains("\(sound): ok"))

    let all = try HoldfastProgram.run(["check", missing, broken, sound])
    #expect(all.status == 2)
    #expect(all.errors.contains("cannot open \(missing): No such file or directory"))
    #expect(all.output.contains("\(broken): 3 problems"))
    #expect(all.output.contains("\(sound): ok"))
  }

  @Test func `a huge file and a folder are refused`() throws {
    let huge = try folder.write(Data(count: 16 * 1024 * 1024 + 1), to: "huge.json")
    let outcome = try HoldfastProgram.run(["check", huge])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("is larger than 16 MiB"))

    let directory = try HoldfastProgram.run(["check", folder.path])
    #expect(directory.status == 2)
    #expect(directory.errors.contains("cannot read \(folder.path): Is a directory"))
  }

  @Test func `no file is an error of use`() throws {
    let outcome = try HoldfastProgram.run(["check"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("a policy file is missing"))
  }
}
