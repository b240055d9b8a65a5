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
    let schema = reader.schema(keys["variables"])
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
    for version in keys["version"] { check(version: version) }
    // Conditions are checked only against variables that could be read: whatever is wrong with
    // these would come up again in every rule.
    let schema = schema(keys["variables"])
    var ids: Set<ExactText> = []
    let rules = keys["rules"].flatMap { self.rules($0, schema: schema, ids: &ids) }
    guard let schema else { return nil }
    return Policy(schema: schema, rules: rules)
  }

  /// The values of an object by key: several where a key is repeated, which is reported, but
  /// everything in them is to be checked all the same.
  private struct Values {
    private(set) var byKey: [ExactText: [JSONValue]] = [:]

    subscript(key: String) -> [JSONValue] { byKey[ExactText(key)] ?? [] }

    /// - Returns: whether the key was there before.
    mutating func add(_ value: JSONValue, for key: ExactText) -> Bool {
      byKey[key, default: []].append(value)
      return byKey[key]?.count != 1
    }
  }

  /// Sorts the members of an object by key, and reports keys that are unknown, repeated or missing.
  private mutating func take(
    _ required: [String], optional: [String] = [], of members: [JSONMember], in what: String,
    at object: Range<Int>? = nil
  ) -> Values {
    let known = required + optional
    let knownKeys = Set(known.map { ExactText($0) })
    var values = Values()
    var unknown: [JSONMember] = []
    for member in members {
      let key = ExactText(member.key)
      if !knownKeys.contains(key) {
        unknown.append(member)
      } else if values.add(member.value, for: key) {
        report(
          "the key '\(member.key)' is there twice", at: member.keyRange.lowerBound,
          length: member.keyRange.count)
      }
    }
    let absent = known.filter { values[$0].isEmpty }
    for member in unknown {
      report(
        "unknown key '\(member.key)' in \(what)" + Suggestion.hint(for: member.key, among: absent),
        at: member.keyRange.lowerBound, length: member.keyRange.count)
    }
    for key in required where values[key].isEmpty {
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

  /// The variables of every `variables` of a file, of which there should be one.
  ///
  /// - Returns: `nil` where there are none that could be read.
  private mutating func schema(_ values: [JSONValue]) -> Schema? {
    var variables: [(name: String, type: Schema.VariableType)] = []
    var declared: Set<ExactText> = []
    var last: JSONValue?
    for value in values {
      guard case .object(let members) = value.content else {
        report("'variables' is an object of names and types, found \(value.kindName)", at: value)
        continue
      }
      last = value
      var names: Set<ExactText> = []
      for member in members {
        guard let type = variable(member, names: &names) else { continue }
        // Of several types for one name, which is reported, conditions are held against the first.
        if declared.insert(ExactText(member.key)).inserted {
          variables.append((name: member.key, type: type))
        }
      }
    }
    guard let last else { return nil }
    do {
      return try Schema(variables)
    } catch {
      // What is wrong with one name was found above; this is about all of them.
      report("\(error.code): \(error.message)", at: last.range.lowerBound, length: 1)
      return nil
    }
  }

  /// - Parameter names: those that the same object has declared so far.
  /// - Returns: `nil` where the name is none.
  private mutating func variable(
    _ member: JSONMember, names: inout Set<ExactText>
  ) -> Schema.VariableType? {
    let offset = member.keyRange.lowerBound
    let length = member.keyRange.count
    let isRepeated = !names.insert(ExactText(member.key)).inserted
    if isRepeated {
      report("variable '\(member.key)' is declared twice", at: offset, length: length)
    }
    let type = type(member.value, of: member.key)
    do {
      _ = try Schema([(name: member.key, type: .any)])
    } catch {
      if !isRepeated {
        report("\(error.code): \(error.message)", at: offset, length: length)
      }
      return nil
    }
    return type
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

  private mutating func rules(
    _ value: JSONValue, schema: Schema?, ids: inout Set<ExactText>
  ) -> [Policy.Rule] {
    guard case .array(let elements) = value.content else {
      report("'rules' is an array, found \(value.kindName)", at: value)
      return []
    }
    if elements.isEmpty {
      report("a policy needs at least one rule", at: value)
    }
    return elements.compactMap { rule($0, schema: schema, ids: &ids) }
  }

  private mutating func rule(
    _ value: JSONValue, schema: Schema?, ids: inout Set<ExactText>
  ) -> Policy.Rule? {
    guard case .object(let members) = value.content else {
      report("a rule is an object, found \(value.kindName)", at: value)
      return nil
    }
    let keys = take(
      ["id", "when", "then"], optional: ["description"], of: members, in: "a rule",
      at: value.range)
    var id: String?
    for place in keys["id"] {
      guard let text = text(place, of: "id") else { continue }
      let isRepeated = id.map { ExactText($0) == ExactText(text) } ?? false
      id = text
      if !isRepeated, !ids.insert(ExactText(text)).inserted {
        report("another rule has the id '\(text)' already", at: place)
      }
    }
    var then: String?
    for value in keys["then"] { then = text(value, of: "then") }
    for description in keys["description"] { _ = text(description, of: "description") }
    var condition: Condition?
    for when in keys["when"] { condition = self.condition(when, schema: schema) }
    guard let id, let then, let condition else { return nil }
    return Policy.Rule(id: id, condition: condition, then: then)
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

  private mutating func condition(_ value: JSONValue, schema: Schema?) -> Condition? {
    guard case .string(let text) = value.content else {
      report("'when' is a condition in double quotes, found \(value.kindName)", at: value)
      return nil
    }
    return schema.flatMap { compile(text, at: value, schema: $0) }
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

/// Text that equals another only byte by byte. A `String` equals whatever Unicode holds for another
/// way to write the same characters.
private struct ExactText: Hashable {
  private let bytes: [UInt8]

  init(_ text: String) {
    self.bytes = Array(text.utf8)
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
