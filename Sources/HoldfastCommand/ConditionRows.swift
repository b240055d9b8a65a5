import Glibc
import Holdfast

/// `holdfast eval --jsonl`: rows of `{"id", "expr", "context"}` in, a row of answers for each out.
struct ConditionRows {
  let schema: Schema

  func run() throws(CommandFailure) -> Int32 {
    let output = Output.standard()
    var lines = LineReader(descriptor: STDIN_FILENO, name: "standard input")
    do {
      var context = try Context(schema: schema)
      let types = schema.variables.map(\.type)
      while true {
        switch try lines.next() {
        case .line(let line):
          try answer(line, context: &context, types: types, to: output)
        case .tooLong:
          try append(
            .error(
              code: "invalid_json", offset: 0, length: 0,
              message: "a line is longer than \(LineReader.longestBytes) bytes"),
            id: nil, to: output)
        case .wouldWait:
          // Whoever writes row by row may be waiting for the answer.
          try output.flush()
        case .end:
          try output.flush()
          return ExitStatus.success
        }
      }
    } catch {
      throw CommandFailure(error)
    }
  }

  private enum Answer {
    case result(Bool)
    case error(code: String, offset: Int, length: Int, message: String)

    static func invalidRow(_ message: String, at value: JSONValue) -> Answer {
      .error(
        code: "invalid_row", offset: value.range.lowerBound, length: value.range.count,
        message: message)
    }

    init(_ error: HoldfastError) {
      self = .error(
        code: error.code.description, offset: error.location?.offset ?? 0,
        length: error.location?.length ?? 0, message: error.message)
    }
  }

  private func answer(
    _ line: [UInt8], context: inout Context, types: [Schema.VariableType], to output: Output
  ) throws {
    let row: JSONValue
    do {
      row = try JSONDocument.parse(line)
    } catch {
      try append(
        .error(
          code: "invalid_json", offset: error.offset, length: error.length,
          message: error.message), id: nil, to: output)
      return
    }
    guard case .object(let members) = row.content else {
      try append(
        .invalidRow("a row is an object, found \(row.kindName)", at: row), id: nil, to: output)
      return
    }
    let id = members["id"].map { line[$0.range] }
    try append(
      evaluate(members, row: row, context: &context, types: types), id: id, to: output)
  }

  private func evaluate(
    _ members: [JSONMember], row: JSONValue, context: inout Context, types: [Schema.VariableType]
  ) throws -> Answer {
    guard let expression = members["expr"] else {
      return .invalidRow("the row has no 'expr'", at: row)
    }
    guard case .string(let text) = expression.content else {
      return .invalidRow("'expr' is a string, found \(expression.kindName)", at: expression)
    }
    context.removeAll()
    if let values = members["context"] {
      guard case .object(let variables) = values.content else {
        return .invalidRow("'context' is an object, found \(values.kindName)", at: values)
      }
      for variable in variables {
        guard let index = schema.index(of: variable.key) else { continue }
        try set(variable.value, at: index, type: types[index], in: &context)
      }
    }
    do {
      return .result(try Condition(text, schema: schema).evaluate(context))
    } catch {
      return Answer(error)
    }
  }

  private func set(
    _ value: JSONValue, at index: Int, type: Schema.VariableType, in context: inout Context
  ) throws {
    switch (value.content, type) {
    case (.number(let number), .any), (.number(let number), .number):
      try context.set(number: number, at: index)
    case (.string(let string), .any), (.string(let string), .string):
      try context.set(string: string, at: index)
    case (.boolean(let boolean), .any), (.boolean(let boolean), .boolean):
      try context.set(boolean: boolean, at: index)
    case (.null, .any):
      try context.set(.null, at: index)
    case (.array, .any), (.object, .any):
      try context.set(.container, at: index)
    default:
      try context.setInvalid(at: index)
    }
  }

  private func append(
    _ answer: Answer, id: ArraySlice<UInt8>?, to output: Output
  ) throws(CommandFailure) {
    try output.append("{\"id\":")
    try output.append(id.map { Array($0) } ?? Array("null".utf8))
    switch answer {
    case .result(let held):
      try output.append(held ? ",\"result\":true}\n" : ",\"result\":false}\n")
    case .error(let code, let offset, let length, let message):
      try output.append(
        ",\"error\":{\"code\":\(JSONText.quoted(code)),\"offset\":\(offset),"
          + "\"length\":\(length),\"message\":\(JSONText.quoted(message))}}\n")
    }
  }
}
