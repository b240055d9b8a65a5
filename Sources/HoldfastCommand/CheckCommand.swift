import Holdfast

/// `holdfast check`: says everything that is wrong with policy files.
enum CheckCommand {
  static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
    let arguments = try Arguments(words, flags: [], valued: [], help: Help.pointer("check"))
    if arguments.positionals.isEmpty {
      throw CommandFailure("a policy file is missing", usage: Help.pointer("check"))
    }
    let output = Output.standard()
    var status = ExitStatus.success
    for path in arguments.positionals {
      let name = Messages.visible(path)
      do {
        switch try PolicyReader.read(path) {
        case .policy(let policy):
          try output.append(
            "\(name): ok: \(count(policy.rules.count, "rule")),"
              + " \(count(policy.schema.count, "variable"))\n")
        case .problems(let problems):
          status = max(status, ExitStatus.negative)
          for report in problems.reports { try output.append(report + "\n") }
          try output.append("\(name): \(problems.total)\n")
        }
      } catch {
        // The other files are still worth reading.
        Messages.error(error)
        status = ExitStatus.failure
      }
    }
    try output.flush()
    return status
  }

  static func count(_ number: Int, _ noun: String) -> String {
    "\(number.grouped) \(noun)\(number == 1 ? "" : "s")"
  }
}
