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

  @Test func `always explains itself`() throws {
    let explanation = try Condition("always").explain([:])
    #expect(explanation.nodes.map(\.kind) == [.always])
    #expect(explanation.description == "true  always")
  }
}
