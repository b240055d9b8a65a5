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

/// Either a policy, or everything that is wrong with it.
enum PolicyReading {
  case policy(Policy)
  case problems(PolicyProblems)
}
