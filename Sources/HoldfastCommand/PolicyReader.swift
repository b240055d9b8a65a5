import Holdfast

/// Reads a policy file and finds every problem in one pass.
struct PolicyReader {
  private let source: SourceText
  private var problems: PolicyProblems

  static func read(_ path: String) throws(CommandFailure) -> PolicyReading {
    var reader = PolicyReader(source: SourceText(name: path, bytes: try InputFile.read(path)))
    let policy = reader.policy()
    if let policy, reader.problems.isEmpty { return .policy(policy) }
    return .problems(reader.problems)
  }

  /// Reads only the variables: of a policy, or of a file that holds nothing else.
  ///
  /// - Throws: all problems, in one message.
  static func readSchema(_ path: String) throws(CommandFailure) -> Schema {
    var reader = PolicyReader(source: SourceText(name: path, bytes: try InputFile.read(path)))
    guard let members = reader.topLevel() else { throw reader.failure() }
    let keys = reader.take(
      ["variables"], optional: ["version", "rules"], of: members, in: "a schema")
    let schema = keys["variables"].flatMap { reader.schema($0) }
    guard let schema, reader.problems.isEmpty else { throw reader.failure() }
    return schema
  }

  private func failure() -> CommandFailure {
    CommandFailure(problems.report)
  }

  // MARK: Reporting

  private mutating func report(
    _ message: @autoclosure () -> String, at offset: Int, length: Int
  ) {
    problems.add(
      at: offset,
      report: "\(source.place(of: offset)): \(Messages.visible(message()))\n"
        + source.caret(at: offset, length: length))
  }

  private mutating func report(_ message: @autoclosure () -> String, at value: JSONValue) {
    report(message(), at: value.range.lowerBound, length: value.range.count)
  }

  // MARK: The parts of a file

  private mutating func topLevel() -> [JSONMember]? {
    let value: JSONValue
    do {
      value = try JSONDocument.parse(source.bytes)
    } catch {
      report("not valid JSON: \(error.message)", at: error.offset, length: error.length)
      return nil
    }
    guard case .object(let members) = value.content else {
      report("expected an object, found \(value.kindName)", at: value)
      return nil
    }
    topLevelRange = value.range
    return members
  }

  /// Where a missing key is reported: the object's opening brace.
  private var topLevelRange = 0..<0

  private init(source: SourceText) {
    self.source = source
    self.problems = PolicyProblems(of: source.name)
  }

  private mutating func policy() -> Policy? {
    guard let members = topLevel() else { return nil }
    let keys = take(["version", "variables", "rules"], of: members, in: "a policy")
    if let version = keys["version"] { check(version: version) }
    // Conditions are checked only against variables that could be read: whatever is wrong with
    // these would come up again in every rule.
    let schema = keys["variables"].flatMap { self.schema($0) }
    let rules = keys["rules"].map { self.rules($0, schema: schema) } ?? []
    guard let schema else { return nil }
    return Policy(schema: schema, rules: rules)
  }

  /// Sorts the members of an object by key, and reports keys that are unknown, repeated or missing.
  private mutating func take(
    _ required: [String], optional: [String] = [], of members: [JSONMember], in what: String,
    at object: Range<Int>? = nil
  ) -> [String: JSONValue] {
    var values: [String: JSONValue] = [:]
    let known = required + optional
    let keys = Set(members.map(\.key))
    let absent = known.filter { !keys.contains($0) }
    for member in members {
      let start = member.keyRange.lowerBound
      let length = member.keyRange.count
      if !known.contains(member.key) {
        report(
          "unknown key '\(member.key)' in \(what)"
            + Suggestion.hint(for: member.key, among: absent),
          at: start, length: length)
      } else if values.updateValue(member.value, forKey: member.key) != nil {
        report("the key '\(member.key)' is there twice", at: start, length: length)
      }
    }
    for key in required where values[key] == nil {
      report("\(what) needs the key '\(key)'", at: (object ?? topLevelRange).lowerBound, length: 1)
    }
    return values
  }

  private mutating func check(version: JSONValue) {
    if case .number(1) = version.content { return }
    guard case .number = version.content else {
      report("'version' is a number, found \(version.kindName)", at: version)
      return
    }
    let number = String(decoding: source.bytes[version.range], as: UTF8.self)
    report("version \(number) is not supported; this program reads version 1", at: version)
  }

  private mutating func schema(_ value: JSONValue) -> Schema? {
    guard case .object(let members) = value.content else {
      report("'variables' is an object of names and types, found \(value.kindName)", at: value)
      return nil
    }
    var variables: [(name: String, type: Schema.VariableType)] = []
    var names: Set<String> = []
    for member in members {
      let offset = member.keyRange.lowerBound
      let length = member.keyRange.count
      if !names.insert(member.key).inserted {
        report("variable '\(member.key)' is declared twice", at: offset, length: length)
        continue
      }
      do {
        _ = try Schema([(name: member.key, type: .any)])
      } catch {
        report("\(error.code): \(error.message)", at: offset, length: length)
        continue
      }
      variables.append((name: member.key, type: type(member.value, of: member.key)))
    }
    do {
      return try Schema(variables)
    } catch {
      // What is wrong with one name was found above; this is about all of them.
      report("\(error.code): \(error.message)", at: value.range.lowerBound, length: 1)
      return nil
    }
  }

  /// - Returns: `any` where the file says nothing usable, which is reported.
  private mutating func type(_ value: JSONValue, of name: String) -> Schema.VariableType {
    let names = Schema.VariableType.allCases.map(\.rawValue)
    guard case .string(let text) = value.content else {
      report(
        "the type of '\(name)' is one of \(names.joined(separator: ", ")) in double quotes,"
          + " found \(value.kindName)", at: value)
      return .any
    }
    guard let type = Schema.VariableType(rawValue: text) else {
      report(
        "unknown type '\(text)'\(Suggestion.hint(for: text, among: names))"
          + " (there are \(names.joined(separator: ", ")))", at: value)
      return .any
    }
    return type
  }

  private mutating func rules(_ value: JSONValue, schema: Schema?) -> [Policy.Rule] {
    guard case .array(let elements) = value.content else {
      report("'rules' is an array, found \(value.kindName)", at: value)
      return []
    }
    if elements.isEmpty {
      report("a policy needs at least one rule", at: value)
    }
    var ids: Set<String> = []
    return elements.compactMap { rule($0, schema: schema, ids: &ids) }
  }

  private mutating func rule(
    _ value: JSONValue, schema: Schema?, ids: inout Set<String>
  ) -> Policy.Rule? {
    guard case .object(let members) = value.content else {
      report("a rule is an object, found \(value.kindName)", at: value)
      return nil
    }
    let keys = take(
      ["id", "when", "then"], optional: ["description"], of: members, in: "a rule",
      at: value.range)
    let id = keys["id"].flatMap { text($0, of: "id") }
    let then = keys["then"].flatMap { text($0, of: "then") }
    if let description = keys["description"] { _ = text(description, of: "description") }
    if let id, let place = keys["id"], !ids.insert(id).inserted {
      report("another rule has the id '\(id)' already", at: place)
    }
    guard let when = keys["when"] else { return nil }
    guard case .string(let condition) = when.content else {
      report("'when' is a condition in double quotes, found \(when.kindName)", at: when)
      return nil
    }
    guard let schema, let compiled = compile(condition, at: when, schema: schema) else {
      return nil
    }
    guard let id, let then else { return nil }
    return Policy.Rule(id: id, condition: compiled, then: then)
  }

  private mutating func text(_ value: JSONValue, of key: String) -> String? {
    guard case .string(let text) = value.content else {
      report("'\(key)' is text in double quotes, found \(value.kindName)", at: value)
      return nil
    }
    if text.isEmpty {
      report("'\(key)' is empty", at: value)
      return nil
    }
    return text
  }

  private mutating func compile(
    _ text: String, at value: JSONValue, schema: Schema
  ) -> Condition? {
    do {
      return try Condition(text, schema: schema)
    } catch {
      let offset = JSONStringPlaces.offset(
        ofDecoded: error.location?.offset ?? 0, in: source.bytes, string: value.range)
      problems.add(at: offset, report: "\(source.place(of: offset)): \(error.description)")
      return nil
    }
  }
}

/// Where a byte of a decoded string stands in the JSON that it came from.
enum JSONStringPlaces {
  static func offset(ofDecoded wanted: Int, in bytes: [UInt8], string: Range<Int>) -> Int {
    var decoded = 0
    var position = string.lowerBound + 1
    while decoded < wanted, position < string.upperBound - 1 {
      let escape = bytes[position] == 0x5C ? escapeLength(bytes[position...]) : (raw: 1, decoded: 1)
      position += escape.raw
      decoded += escape.decoded
    }
    return position
  }

  /// How long a valid escape is, and how many bytes of UTF-8 it becomes.
  private static func escapeLength(_ bytes: ArraySlice<UInt8>) -> (raw: Int, decoded: Int) {
    guard bytes.dropFirst().first == UInt8(ascii: "u") else { return (2, 1) }
    let digits = String(decoding: bytes.dropFirst(2).prefix(4), as: UTF8.self)
    switch UInt32(digits, radix: 16) ?? 0 {
    case ..<0x80: return (6, 1)
    case ..<0x800: return (6, 2)
    case 0xD800..<0xDC00: return (12, 4)
    default: return (6, 3)
    }
  }
}
