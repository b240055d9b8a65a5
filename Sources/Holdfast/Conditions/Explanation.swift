import CHoldfast

/// How a condition came to its answer for one set of values.
///
/// ```text
/// false  and
/// true     severity >= 0.8        severity = 0.9
/// false    recurrence_count >= 2  recurrence_count = 1
/// ```
public struct Explanation: Sendable, Hashable {
  /// What became of a comparison, or of the `and` or `or` over several.
  public enum Outcome: Sendable, Hashable {
    /// It was decided.
    case decided(Bool)
    /// It could not be decided: ``HoldfastError/Code/missingVariable`` or
    /// ``HoldfastError/Code/typeMismatch``.
    case failed(HoldfastError.Code)
  }

  /// A comparison, or the `and` or `or` over others.
  public struct Node: Sendable, Hashable {
    /// What it is.
    public enum Kind: String, Sendable, Hashable {
      /// Two operands and an operator.
      case comparison
      /// Holds when all below hold.
      case and
      /// Holds when one below holds.
      case or
      /// Holds without asking.
      case always
    }

    /// What it is.
    public let kind: Kind
    /// What became of it.
    public let outcome: Outcome
    /// The index in ``Explanation/nodes`` of the node above; `nil` for the root.
    public let parent: Int?
    /// How deep it is; the root is 0.
    public let depth: Int
    /// Its part of the condition's text, and where that starts, in UTF-8 bytes.
    public let text: String
    /// Where ``text`` starts in the condition's text, in UTF-8 bytes.
    public let offset: Int
    /// The variables of a comparison with their values, in the order of the text; `nil` where the
    /// value is missing, or not of the declared type.
    public let operands: [Operand]
  }

  /// A variable of a comparison.
  public struct Operand: Sendable, Hashable {
    /// The variable's name.
    public let name: String
    /// Its value in this evaluation; `nil` when it is missing or invalid.
    public let value: Context.Value?
    /// Whether a value came that the declared type does not admit.
    public let isInvalid: Bool
  }

  /// What the condition answers.
  public var outcome: Outcome { nodes[0].outcome }

  /// The root first, each node before those below it, comparisons in the order of the text. Never
  /// empty.
  public let nodes: [Node]

  init(_ nodes: [hf_node], of condition: Condition) {
    let text = condition.text.utf8
    self.nodes = unsafe nodes.enumerated().map { index, node in
      let start = unsafe text.index(text.startIndex, offsetBy: Int(node.offset_bytes))
      let end = unsafe text.index(start, offsetBy: Int(node.length_bytes))
      let operands = unsafe [node.left, node.right].compactMap { operand -> Operand? in
        guard let name = unsafe condition.schema.name(at: operand.variable) else { return nil }
        return unsafe Operand(
          name: name, value: Context.Value(operand.value),
          isInvalid: operand.value.kind == HF_KIND_INVALID)
      }
      return unsafe Node(
        kind: Node.Kind(node.kind),
        outcome: node.status == HF_OK
          ? .decided(node.held) : .failed(HoldfastError.Code(node.status)),
        parent: index == 0 ? nil : Int(node.parent),
        depth: Int(node.depth),
        text: String(condition.text[start..<end]),
        offset: Int(node.offset_bytes),
        operands: node.kind == HF_NODE_COMPARISON ? operands : []
      )
    }
  }
}

extension Explanation.Node.Kind {
  init(_ kind: hf_node_kind) {
    switch kind {
    case HF_NODE_COMPARISON: self = .comparison
    case HF_NODE_AND: self = .and
    case HF_NODE_OR: self = .or
    case HF_NODE_ALWAYS: self = .always
    default: self = .comparison
    }
  }
}

extension Explanation: CustomStringConvertible {
  /// One line a node: its outcome, its text under its parent, and the values it used.
  public var description: String {
    let rows = nodes.map { node in
      (
        outcome: node.outcome.description,
        label: String(repeating: "  ", count: node.depth) + node.label,
        values: node.operands.map {
          "\($0.name) \($0.state)"
        }.joined(separator: ", ")
      )
    }
    let outcomeWidth = rows.map(\.outcome.count).max() ?? 0
    let labelWidth = rows.lazy.filter { !$0.values.isEmpty }.map(\.label.count).max() ?? 0
    return rows.map { row in
      let line =
        row.outcome.padded(to: outcomeWidth) + "  " + row.label.padded(to: labelWidth) + "  "
        + row.values
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}

extension Explanation.Outcome: CustomStringConvertible {
  /// `true`, `false`, or the code of the failure.
  public var description: String {
    switch self {
    case .decided(let held): held ? "true" : "false"
    case .failed(let code): code.description
    }
  }
}

extension Explanation.Node {
  fileprivate var label: String {
    switch kind {
    case .and, .or, .always: kind.rawValue
    case .comparison: text.onOneLine
    }
  }
}

extension Explanation.Operand {
  fileprivate var state: String {
    if isInvalid { return "has a value of another type" }
    return value.map { "= \($0)".onOneLine } ?? "is missing"
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
