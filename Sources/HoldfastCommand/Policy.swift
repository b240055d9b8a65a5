import Holdfast

/// What an operator has written down: variables, and rules over them.
struct Policy {
  struct Rule {
    let id: String
    let condition: Condition
    /// The name of what is to be done when the condition holds.
    let then: String
  }

  let schema: Schema
  let rules: [Rule]
}

/// One thing that is wrong with a policy file.
struct PolicyProblem {
  /// In bytes of the file.
  let offset: Int
  /// The whole message, with its place and the line at fault.
  let report: String
}

/// Either a policy, or everything that is wrong with it.
enum PolicyReading {
  case policy(Policy)
  case problems([PolicyProblem])
}
