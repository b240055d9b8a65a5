import CEventReader
import Holdfast

/// The rules of a policy over the columns of an event, with what became of each.
///
/// Whether a rule's variables are all there is looked up before it is evaluated, so an event that
/// lacks some costs no thrown error; only what the types cannot rule out, an ordering of a number
/// against a string in variables of type any, is left to the evaluation.
struct RuleSet: ~Copyable {
  /// A column that events are read into.
  struct Column {
    let name: String
    let type: Schema.VariableType
    /// Where the value goes in the context; `nil` for what only the decision line needs.
    let variable: Int?
  }

  /// Why a rule could not be evaluated for an event.
  struct Failure: Hashable {
    enum Kind: Int {
      case missing
      case mistyped
    }
    let kind: Kind
    let variable: String
  }

  struct Rule {
    let policyRule: Policy.Rule
    /// The columns that the condition needs, in the order of its text.
    let required: [Int]
    var decisions = 0
    var failures: [Failure: Int] = [:]
    /// Why it is not evaluated at all.
    var disabledBy: String?
  }

  let columns: [Column]
  private(set) var rules: [Rule]
  /// The rules that the latest event matched, in the order of the policy.
  private(set) var matches: [Int] = []

  private var context: Context
  /// What the loop over events needs of `columns` and `rules`, side by side.
  private let variables: [Int?]
  private let active: [(rule: Int, condition: Condition)]

  /// - Parameters:
  ///   - unavailable: variables that can have no value, with the reason: rules that need them are
  ///     not evaluated.
  ///   - extra: columns that are read besides those that the rules need.
  init(
    _ policy: Policy, unavailable: [String: String] = [:], extra: [String] = []
  ) throws(CommandFailure) {
    let variables = policy.schema.variables
    var columns: [Column] = []
    var columnByName: [String: Int] = [:]
    var rules: [Rule] = []
    for rule in policy.rules {
      let names = rule.condition.requiredVariables
      let absent = names.first { unavailable[$0] != nil }
      var required: [Int] = []
      for name in absent == nil ? names : [] {
        if columnByName[name] == nil, let variable = policy.schema.index(of: name) {
          columnByName[name] = columns.count
          columns.append(Column(name: name, type: variables[variable].type, variable: variable))
        }
        if let column = columnByName[name] { required.append(column) }
      }
      rules.append(Rule(policyRule: rule, required: required, disabledBy: absent))
    }
    for name in extra where columnByName[name] == nil {
      columnByName[name] = columns.count
      columns.append(Column(name: name, type: .any, variable: nil))
    }
    self.columns = columns
    self.variables = columns.map(\.variable)
    self.active = rules.enumerated().filter { $0.element.disabledBy == nil }.map {
      (rule: $0.offset, condition: $0.element.policyRule.condition)
    }
    self.rules = rules
    do {
      self.context = try Context(schema: policy.schema)
    } catch {
      throw CommandFailure(error.description)
    }
  }

  func column(named name: String) -> Int? { columns.firstIndex { $0.name == name } }

  /// Takes the values of an event, one for each column. Values that are missing or mistyped stay
  /// away: no rule that needs them is evaluated.
  mutating func take(_ values: UnsafePointer<er_value>) throws(CommandFailure) {
    do throws(HoldfastError) {
      for (index, variable) in variables.enumerated() {
        guard let variable else { continue }
        let value = unsafe values[index]
        if unsafe value.mistyped { continue }
        switch unsafe value.kind {
        case ER_NUMBER: try unsafe context.set(number: value.number, at: variable)
        case ER_STRING:
          let text = unsafe UnsafeRawBufferPointer(start: value.text, count: value.text_length)
          try unsafe context.set(utf8: Span(_unsafeBytes: text), at: variable)
        case ER_BOOLEAN: try unsafe context.set(boolean: value.number != 0, at: variable)
        case ER_NULL: try context.set(.null, at: variable)
        case ER_CONTAINER: try context.set(.container, at: variable)
        default: break
        }
      }
    } catch {
      throw CommandFailure(error.description)
    }
  }

  /// Evaluates every rule for the values that were taken.
  ///
  /// - Parameter isComplete: no value is missing or mistyped.
  mutating func evaluate(
    _ values: UnsafePointer<er_value>, isComplete: Bool
  ) throws(CommandFailure) {
    matches.removeAll(keepingCapacity: true)
    for (index, condition) in active {
      if !isComplete, let failure = unsafe failure(of: index, values) {
        rules[index].failures[failure, default: 0] += 1
        continue
      }
      do throws(HoldfastError) {
        if try condition.evaluate(context) {
          matches.append(index)
          rules[index].decisions += 1
        }
      } catch {
        guard error.code == .typeMismatch else { throw CommandFailure(error.description) }
        let failure = Failure(kind: .mistyped, variable: error.variable ?? "")
        rules[index].failures[failure, default: 0] += 1
      }
    }
  }

  /// What the rule needs and the event does not have, first in the order of the condition's text. It
  /// goes before any mismatch among the values that are there, which only the evaluation would find.
  private func failure(of index: Int, _ values: UnsafePointer<er_value>) -> Failure? {
    for column in rules[index].required {
      let value = unsafe values[column]
      if unsafe value.kind == ER_MISSING {
        return Failure(kind: .missing, variable: columns[column].name)
      }
      if unsafe value.mistyped {
        return Failure(kind: .mistyped, variable: columns[column].name)
      }
    }
    return nil
  }
}
