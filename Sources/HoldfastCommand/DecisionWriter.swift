import CEventReader

/// Writes one JSON line for each rule that matched:
/// `{"time":"2026-11-21T13:20:02.123Z","step":1,"rule":"hot","then":"throttle","values":{…}}`.
struct DecisionWriter {
  /// What of a line is the same each time.
  private struct Parts {
    /// From behind the step to the values.
    let middle: [UInt8]
    /// `"name":` of each value, with the comma before it, and its column.
    let names: [(text: [UInt8], column: Int)]
  }

  private let output: Output
  private let parts: [Parts]
  private let timeColumn: Int?

  /// A time of an event that could not be read, until somebody was told.
  private(set) var unreadableTime: String?

  init(_ rules: borrowing RuleSet, timeColumn: Int?, output: Output) {
    self.output = output
    self.timeColumn = timeColumn
    var parts: [Parts] = []
    for rule in rules.rules {
      let middle =
        ",\"rule\":\(JSONText.quoted(rule.policyRule.id))"
        + ",\"then\":\(JSONText.quoted(rule.policyRule.then)),\"values\":{"
      let names = rule.required.enumerated().map { position, column in
        let name = JSONText.quoted(rules.columns[column].name)
        return (text: Array((position == 0 ? "\(name):" : ",\(name):").utf8), column: column)
      }
      parts.append(Parts(middle: Array(middle.utf8), names: names))
    }
    self.parts = parts
  }

  private static let beginning = Array(#"{"time":"#.utf8)
  private static let step = Array(#","step":"#.utf8)
  private static let ending = Array("}}\n".utf8)

  mutating func write(
    rule: Int, step: UInt64, values: UnsafePointer<er_value>
  ) throws(CommandFailure) {
    try output.append(Self.beginning)
    try unsafe write(time: timeColumn.map { unsafe values[$0] })
    try output.append(Self.step)
    try output.append(integer: step)
    try output.append(parts[rule].middle)
    for name in parts[rule].names {
      try output.append(name.text)
      try unsafe write(values[name.column])
    }
    try output.append(Self.ending)
  }

  private func write(_ value: er_value) throws(CommandFailure) {
    switch unsafe value.kind {
    case ER_NUMBER: try output.append(number: unsafe value.number)
    case ER_BOOLEAN: try output.append(unsafe value.number != 0 ? "true" : "false")
    case ER_STRING: try unsafe output.append(json: Self.text(of: value))
    case ER_CONTAINER: try unsafe output.append(Self.text(of: value))
    default: try output.append("null")
    }
  }

  private static func text(of value: er_value) -> UnsafeBufferPointer<UInt8> {
    let bytes = unsafe UnsafeRawBufferPointer(start: value.text, count: value.text_length)
    return unsafe bytes.assumingMemoryBound(to: UInt8.self)
  }

  /// The event's own time, in UTC; without one, the time of the decision.
  private mutating func write(time value: er_value?) throws(CommandFailure) {
    guard let value = unsafe value, unsafe value.kind != ER_MISSING, unsafe value.kind != ER_NULL
    else {
      return try write(Timestamp(wallClock: Clock.wall()))
    }
    if let time = unsafe Self.timestamp(value) { return try write(time) }
    if unreadableTime == nil {
      unreadableTime =
        unsafe value.kind == ER_STRING
        ? String(decoding: Self.text(of: value).prefix(64), as: UTF8.self) : "not text or a number"
    }
    try unsafe write(value)
  }

  private func write(_ time: Timestamp?) throws(CommandFailure) {
    try output.append(byte: 0x22)
    if let time { try output.append(time) }
    try output.append(byte: 0x22)
  }

  private static func timestamp(_ value: er_value) -> Timestamp? {
    switch unsafe value.kind {
    case ER_STRING: unsafe Timestamp(parsing: text(of: value))
    case ER_NUMBER: Timestamp(unix: unsafe value.number)
    default: nil
    }
  }
}
