import Holdfast

/// `holdfast eval`: one condition with values from the command line, or many from standard input.
enum EvalCommand {
  static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
    let arguments = try Arguments(
      words, flags: ["--explain", "--jsonl"], valued: ["--schema"], help: Help.pointer("eval"))
    let schema = try arguments["--schema"].map { path throws(CommandFailure) in
      try PolicyReader.readSchema(path)
    }
    if arguments.has("--jsonl") {
      if let extra = arguments.positionals.first {
        throw CommandFailure(
          "--jsonl reads conditions from standard input; '\(extra)' is one too many",
          usage: Help.pointer("eval"))
      }
      if arguments.has("--explain") {
        throw CommandFailure("--explain does not go with --jsonl", usage: Help.pointer("eval"))
      }
      return try ConditionRows(schema: schema ?? .classic).run()
    }
    guard let text = arguments.positionals.first else {
      throw CommandFailure("a condition is missing", usage: Help.pointer("eval"))
    }
    return try evaluate(
      text, assignments: arguments.positionals.dropFirst(), schema: schema ?? .classic,
      explains: arguments.has("--explain"))
  }

  private static func evaluate(
    _ text: String, assignments: ArraySlice<String>, schema: Schema, explains: Bool
  ) throws(CommandFailure) -> Int32 {
    let output = Output.standard()
    do {
      let condition = try Condition(text, schema: schema)
      var context = try Context(schema: schema)
      var given: Set<Int> = []
      for assignment in assignments {
        let (name, index) = try assign(assignment, to: &context)
        if !given.insert(index).inserted {
          throw CommandFailure("\(name) is given twice", usage: Help.pointer("eval"))
        }
      }

      var held: Bool?
      do {
        held = try condition.evaluate(context)
        try output.append(held == true ? "true\n" : "false\n")
      } catch let error as HoldfastError {
        Messages.error(CommandFailure(error.description))
      }
      if explains {
        try output.append(condition.explain(context).description + "\n")
      }
      try output.flush()
      return held.map { $0 ? ExitStatus.success : ExitStatus.negative } ?? ExitStatus.failure
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Takes `name=value`, and answers which variable that was.
  private static func assign(
    _ text: String, to context: inout Context
  ) throws -> (name: String, index: Int) {
    // By bytes: a mark that combines with the sign or with a quote must not hide it.
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      throw CommandFailure(
        "expected name=value, found '\(text)'; put the whole condition in one pair of quotes",
        usage: Help.pointer("eval"))
    }
    let name = String(text[..<equals])
    let raw = String(text[text.utf8.index(after: equals)...])
    if raw.utf8.first == UInt8(ascii: "=") {
      throw CommandFailure(
        "expected name=value, found '\(text)'; put the whole condition in one pair of quotes",
        usage: Help.pointer("eval"))
    }
    let variables = context.schema.variables
    guard let index = context.schema.index(of: name) else {
      let names = variables.map(\.name)
      throw CommandFailure(
        "'\(name)' is not a declared variable\(Suggestion.hint(for: name, among: names))\n"
          + "declared: \(names.joined(separator: ", "))", usage: Help.pointer("eval"))
    }
    let type = variables[index].type
    do throws(HoldfastError) {
      try context.set(type == .string ? .string(raw) : value(of: raw), at: index)
    } catch {
      guard error.code == .typeMismatch else { throw error }
      throw CommandFailure("\(name)=\(raw): '\(name)' is declared as \(type.rawValue)")
    }
    return (name, index)
  }

  /// The value that a text on the command line means.
  private static func value(of raw: String) -> Context.Value {
    switch raw {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "null": return .null
    default: break
    }
    if let number = NumberText.parse(Array(raw.utf8)[...]) { return .number(number) }
    let bytes = raw.utf8
    if bytes.count >= 2, let first = bytes.first, first == bytes.last, "'\"".utf8.contains(first) {
      return .string(String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self))
    }
    return .string(raw)
  }
}
