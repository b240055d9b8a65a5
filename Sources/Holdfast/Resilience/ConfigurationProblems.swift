/// What is wrong with a configuration, all of it, as one error.
struct ConfigurationProblems {
  private var lines: [String] = []

  var count: Int { lines.count }

  /// More are only counted: a message is for people.
  private static let mostShown = 20

  /// `what` says what is there, with its name, such as `maxAttempts is 0`.
  mutating func add(_ what: String, accepted: String) {
    lines.append("\(what) (accepted: \(accepted))")
  }

  /// What there is nothing to accept about.
  mutating func add(_ what: String) { lines.append(what) }

  func throwIfAny() throws(HoldfastError) {
    guard !lines.isEmpty else { return }
    let shown = lines.prefix(Self.mostShown).joined(separator: "; ")
    let more = lines.count - Self.mostShown
    throw HoldfastError(invalidArgument: more > 0 ? "\(shown); and \(more) more" : shown)
  }
}
