import Holdfast

/// What follows a command on the command line: options, and the rest in order.
struct Arguments {
  private(set) var positionals: [String] = []
  private var values: [String: String] = [:]
  private var flags: Set<String> = []

  /// - Parameters:
  ///   - arguments: after the command's name.
  ///   - flags: options without a value.
  ///   - valued: options with one.
  ///   - help: the command's help, to point at.
  /// - Throws: for what is not known, is there twice, or lacks its value.
  init(
    _ arguments: [String], flags: [String], valued: [String], help: String
  ) throws(CommandFailure) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        positionals += rest
        return
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        positionals.append(argument)
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      if flags.contains(name) {
        if parts.count > 1 { throw CommandFailure("\(name) takes no value", usage: help) }
        self.flags.insert(name)
      } else if valued.contains(name) {
        guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
          throw CommandFailure("\(name) needs a value", usage: help)
        }
        if values.updateValue(value, forKey: name) != nil {
          throw CommandFailure("\(name) is given twice", usage: help)
        }
      } else {
        // A condition or a value may begin with a minus; an option has no space or digit there.
        let isText = argument.contains(" ") || argument.dropFirst().first?.isNumber == true
        let hint =
          isText
          ? "; put '--' before an argument that begins with '-'"
          : Suggestion.hint(for: name, among: flags + valued)
        throw CommandFailure("unknown option '\(isText ? argument : name)'\(hint)", usage: help)
      }
    }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }

  subscript(option: String) -> String? { values[option] }
}
