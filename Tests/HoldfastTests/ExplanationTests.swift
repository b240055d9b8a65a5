import Holdfast
import Testing

@Suite struct ExplanationTests {
  let condition: Condition

  init() throws {
    condition = try Condition("severity >= 0.8 and\n (step == 'x' or duration < 3)")
  }

  @Test func `every comparison is shown with its operands and outcome`() throws {
    let explanation = try condition.explain(["severity": 0.9, "step": "y", "duration": 5])
    #expect(explanation.outcome == .decided(false))
    #expect(
      explanation.description == """
        false  and
        true     severity >= 0.8  severity = 0.9
        false    or
        false      step == 'x'    step = 'y'
        false      duration < 3   duration = 5
        """)
  }

  @Test func `a comparison that fails is part of the explanation`() throws {
    let explanation = try condition.explain(["severity": 0.9, "duration": "long"])
    #expect(explanation.outcome == .failed(.missingVariable))
    #expect(
      explanation.description == """
        missing_variable  and
        true                severity >= 0.8  severity = 0.9
        missing_variable    or
        missing_variable      step == 'x'    step is missing
        type_mismatch         duration < 3   duration = 'long'
        """)
  }

  @Test func `nodes know their parents, their depth and their text`() throws {
    let nodes = try condition.explain([:]).nodes
    #expect(nodes.map(\.kind) == [.and, .comparison, .or, .comparison, .comparison])
    #expect(nodes.map(\.parent) == [nil, 0, 0, 2, 2])
    #expect(nodes.map(\.depth) == [0, 1, 1, 2, 2])
    #expect(nodes[0].text == condition.text)
    #expect(nodes[2].text == "step == 'x' or duration < 3")
    #expect(nodes[2].offset == 22)
    #expect(nodes[4].text == "duration < 3")
    #expect(nodes[4].operands.map(\.name) == ["duration"])
    #expect(nodes[4].operands.map(\.value) == [nil])
  }

  @Test func `a value of another type is told from a missing one`() throws {
    let schema = try Schema(["load": .number, "region": .string])
    let condition = try Condition("load > 1 and region == 'eu'", schema: schema)
    let explanation = try condition.explain(["load": "high"])
    #expect(
      explanation.description == """
        type_mismatch     and
        type_mismatch       load > 1        load has a value of another type
        missing_variable    region == 'eu'  region is missing
        """)
    #expect(explanation.nodes[1].operands.map(\.name) == ["load"])
    #expect(explanation.nodes[1].operands.map(\.value) == [nil])
  }

  @Test func `a node stays on one line whatever the text and the values hold`() throws {
    let condition = try Condition("step \n ==\t'a\u{1B}[31m\nb'")
    let explanation = try condition.explain(["step": "x\ny\u{1B}z\u{2028}\r\n"])
    #expect(explanation.description == "false  step   == 'a [31m b'  step = 'x y z   '")
    #expect(explanation.nodes[0].text == condition.text)
  }

  @Test func `always explains itself`() throws {
    let explanation = try Condition("always").explain([:])
    #expect(explanation.nodes.map(\.kind) == [.always])
    #expect(explanation.description == "true  always")
  }

  @Test func `each operand tells its own state`() throws {
    let schema = try Schema(["load": .number, "other": .any])
    let explanation = try Condition("load > other", schema: schema).explain(["load": "x"])
    #expect(
      explanation.description
        == "missing_variable  load > other  load has a value of another type, other is missing")
    #expect(explanation.nodes[0].operands.map(\.isInvalid) == [true, false])
  }
}
