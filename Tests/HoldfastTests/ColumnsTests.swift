import Holdfast
import Testing

@Suite struct ColumnsTests {
  struct Event: Sendable {
    var severity: Double
    var place: Place
    var kind: Int32
    // The last, so that a structure is shorter than its distance to the next.
    var flag: Bool
    var doubled: Double { 2 * severity }

    init(number: Int) {
      flag = true
      severity = Double(number % 3)
      place = Place(name: "x", load: Float(number % 5))
      kind = Int32(number % 2)
    }

    struct Place: Sendable {
      var name: String
      var load: Float
    }
  }

  let schema: Schema

  init() throws {
    schema = try Schema(
      ["number": .number, "narrow": .number, "flag": .boolean, "text": .string, "any": .any],
      words: ["billing", "é"])
  }

  @Test func `rows decide`() throws {
    let condition = try Condition("severity >= 0.8 and recurrence_count >= 2")
    var columns = try Columns(count: 5)
    try columns.set([0.9, 0.8, .nan, 0.1, 1.0], for: "severity")
    let known = Bitmap([true, true, true, true, false])
    try columns.set([2.0, 1, 5, 3, 9] as [Float], valid: known, for: "recurrence_count")
    let answers = try condition.evaluate(columns)
    #expect(Array(answers.held) == [true, false, false, false, false])
    #expect(Array(answers.failed.trueIndices) == [4])
    #expect(answers.heldCount == 1)
    #expect(answers.failedCount == 1)
    #expect(try condition.counts(in: columns) == answers.counts)
    #expect(try condition.evaluate(columns, row: 0))
    let error = capture { _ = try condition.evaluate(columns, row: 4) }
    #expect(error?.code == .missingVariable)
    #expect(error?.variable == "recurrence_count")
    #expect(error?.location?.offset == 20)
  }

  @Test func `fields of structures are columns`() throws {
    let condition = try Condition(
      "number > 1 and narrow < 3 and text == 'b' and any >= 1", schema: schema)
    let events = (0..<100).map(Event.init(number:))
    var columns = try Columns(schema: schema, count: 100)
    try columns.set(events, \.severity, for: "number")
    try columns.set(events, \.place.load, for: "narrow")
    try columns.set(events, codes: \.kind, dictionary: ["a", "b"], for: "text")
    try columns.set(events.map(\.doubled), \.self, for: "any")
    let expected = events.indices.filter {
      let event = events[$0]
      return event.severity > 1 && event.place.load < 3 && event.kind == 1
    }
    #expect(try Array(condition.evaluate(columns).held.trueIndices) == expected)
    #expect(!expected.isEmpty)
    // What is said twice is what was said last, validity included.
    try columns.set(events, \.severity, valid: Bitmap(events.map { _ in false }), for: "number")
    #expect(try condition.counts(in: columns) == Columns.Counts(held: 0, failed: 100))
    try columns.set(events, \.severity, for: "number")
    #expect(try condition.counts(in: columns).failed == 0)
  }

  @Test func `an array that is changed or dropped stays what it was in the columns`() throws {
    let condition = try Condition(
      "severity == 1 and duration == 2 and step == 3 and confidence == 1")
    var columns = try Columns(count: 4)
    var severity = [1.0, 1, 1, 1]
    try columns.set(severity, for: "severity")
    severity[0] = 5
    severity.append(6)
    do {
      let duration = [Float](repeating: 2, count: 4)
      let bits = Bitmap(duration.map { _ in true })
      try columns.set(duration, valid: bits, for: "duration")
      try columns.set((0..<4).map { _ in 3.0 }, for: "step")
      let events = (0..<4).map { _ in Event(number: 1) }
      try columns.set(events, \.severity, for: "confidence")
    }
    // Would take the memory of what was dropped.
    let others = (0..<100).map { _ in [Double](repeating: 7, count: 4) }
    let otherEvents = (0..<100).map { _ in (0..<4).map { _ in Event(number: 0) } }
    #expect(otherEvents.count == others.count)
    #expect(try condition.counts(in: columns).held == 4)
    var copy = columns
    try copy.set(others[0], for: "severity")
    #expect(try condition.counts(in: columns).held == 4)
    #expect(try condition.counts(in: copy).held == 0)
  }

  @Test func `no rows and no columns are possible`() throws {
    let always = try Condition("always")
    let condition = try Condition("severity > 1")
    let none = try Columns(count: 0)
    #expect(try always.evaluate(none).held.isEmpty)
    #expect(try condition.counts(in: none) == Columns.Counts(held: 0, failed: 0))
    let bare = try Columns(count: 3)
    #expect(bare.count == 3)
    #expect(bare.schema == .classic)
    #expect(try always.evaluate(bare).heldCount == 3)
    #expect(try Array(condition.evaluate(bare).failed) == [true, true, true])
    var empty = try Columns(count: 0)
    try empty.set([] as [Double], for: "severity")
    try empty.set(codes: [], dictionary: [], for: "step")
    #expect(try condition.evaluate(empty).failed.isEmpty)
  }

  @Test func `what is unset is missing again`() throws {
    let condition = try Condition("severity > 1")
    var columns = try Columns(count: 2)
    try columns.set([2.0, 2], for: "severity")
    try columns.unset("severity")
    try columns.unset("duration")
    #expect(try condition.evaluate(columns).failedCount == 2)
  }

  @Test func `a code outside the dictionary fails its row`() throws {
    let condition = try Condition("text != 'x'", schema: schema)
    var columns = try Columns(schema: schema, count: 5)
    try columns.set(codes: [0, 1, 2, -1, .max], dictionary: ["x", "y"], for: "text")
    let answers = try condition.evaluate(columns)
    #expect(Array(answers.held.trueIndices) == [1])
    #expect(Array(answers.failed.trueIndices) == [2, 3, 4])
    let error = capture { _ = try condition.evaluate(columns, row: 3) }
    #expect(error?.code == .typeMismatch)
    let explanation = try condition.explain(columns, row: 2)
    #expect(explanation.nodes.first?.operands.first?.isInvalid == true)
  }

  @Test func `a row is explained`() throws {
    let condition = try Condition("text == 'é' and number > 1", schema: schema)
    var columns = try Columns(schema: schema, count: 2)
    try columns.set([3.0, 0], for: "number")
    try columns.set(codes: [1, 0], dictionary: ["error", "é"], for: "text")
    #expect(
      try condition.explain(columns, row: 0)
        == condition.explain(["text": "é", "number": 3]))
    #expect(
      try condition.explain(columns, row: 1)
        == condition.explain(["text": "error", "number": 0]))
  }

  @Test func `a column of the wrong length is refused`() throws {
    var columns = try Columns(schema: schema, count: 3)
    let short = capture { try columns.set([1.0, 2], for: "number") }
    #expect(
      short?.description == "invalid_argument: the column of 'number' has 2 values for 3 rows")
    #expect(short?.variable == "number")
    let long = capture { try columns.set(Bitmap([true, true, true, true]), for: "flag") }
    #expect(long?.code == .invalidArgument)
    let codes = capture { try columns.set(codes: [0], dictionary: ["x"], for: "text") }
    #expect(codes?.code == .invalidArgument)
    let rows = capture { try columns.set([1.0, 2], \.self, for: "number") }
    #expect(rows?.code == .invalidArgument)
    let validity = capture {
      try columns.set([1.0, 2, 3], valid: Bitmap([true]), for: "number")
    }
    #expect(
      validity?.description
        == "invalid_argument: the column of 'number' has 1 validity bits for 3 rows")
    #expect(try Condition("number > 0", schema: schema).counts(in: columns).failed == 3)
  }

  @Test func `a column of the wrong type is refused`() throws {
    var columns = try Columns(schema: schema, count: 1)
    try columns.set([2.0], for: "number")
    let text = capture { try columns.set(codes: [0], dictionary: ["x"], for: "number") }
    #expect(
      text?.description
        == "type_mismatch: variable 'number' is declared as number, so its column cannot hold strings"
    )
    #expect(text?.variable == "number")
    #expect(capture { try columns.set([1.0], for: "text") }?.code == .typeMismatch)
    #expect(capture { try columns.set([1.0] as [Float], for: "flag") }?.code == .typeMismatch)
    let flag = capture { try columns.set(Bitmap([true]), for: "number") }
    #expect(flag?.code == .typeMismatch)
    try columns.set([1.0], for: "any")
    try columns.set(Bitmap([true]), for: "any")
    try columns.set(codes: [0], dictionary: ["x"], for: "any")
    #expect(try Condition("number > 1", schema: schema).counts(in: columns).held == 1)
    #expect(try Condition("any == 'x'", schema: schema).counts(in: columns).held == 1)
  }

  @Test func `a name that is not declared is refused`() throws {
    var columns = try Columns(count: 1)
    for error in [
      capture { try columns.set([1.0], for: "sevrity") }, capture { try columns.unset("sevrity") },
    ] {
      #expect(
        error?.description
          == "variable_not_allowed: the schema declares no variable 'sevrity'")
      #expect(error?.variable == "sevrity")
    }
  }

  @Test func `a property that is not stored is refused`() throws {
    let events = [Event(number: 1)]
    var columns = try Columns(schema: schema, count: 1)
    let error = capture { try columns.set(events, \.doubled, for: "number") }
    #expect(
      error?.description
        == "invalid_argument: the key path for the column of 'number' leads to no stored field")
    #expect(error?.variable == "number")
  }

  @Test func `columns of another schema are refused`() throws {
    let condition = try Condition("severity > 1")
    let same = try Schema([
      "severity": .any, "recurrence_count": .any, "confidence": .any, "step": .any,
      "duration": .any,
    ])
    #expect(try condition.counts(in: Columns(schema: same, count: 2)).failed == 2)
    let columns = try Columns(schema: schema, count: 2)
    for error in [
      capture { _ = try condition.evaluate(columns) },
      capture { _ = try condition.counts(in: columns) },
      capture { _ = try condition.evaluate(columns, row: 0) },
      capture { _ = try condition.explain(columns, row: 0) },
    ] {
      #expect(
        error?.description == "schema_mismatch: the columns were made for another schema")
    }
  }

  @Test(arguments: [-1, 2, Int.max, Int.min])
  func `a row that is none is refused`(row: Int) throws {
    let condition = try Condition("severity > 1")
    let columns = try Columns(count: 2)
    let error = capture { _ = try condition.evaluate(columns, row: row) }
    #expect(
      error?.description == "invalid_argument: there is no row \(row); the columns have 2")
    #expect(capture { _ = try condition.explain(columns, row: row) }?.code == .invalidArgument)
  }

  @Test func `fewer than no rows are refused`() throws {
    let error = #expect(throws: HoldfastError.self) { try Columns(count: -1) }
    #expect(error?.description == "invalid_argument: there cannot be -1 rows")
    let spans = capture { _ = try ColumnSpans(count: -1) }
    #expect(spans?.code == .invalidArgument)
  }

  @Test func `many tasks evaluate the same columns`() async throws {
    var filled = try Columns(schema: schema, count: 1000)
    try filled.set((0..<1000).map(Double.init), for: "number")
    try filled.set(
      codes: [Int32](repeating: 0, count: 1000), dictionary: ["billing"], for: "text")
    let columns = filled
    let schema = schema
    let held = try await withThrowingTaskGroup(of: Int.self) { group in
      for limit in 0..<8 {
        group.addTask {
          let text = "number >= \(limit) and text == 'billing'"
          return try Condition(text, schema: schema).evaluate(columns).heldCount
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(held == 8 * 1000 - 28)
  }

  @Test(arguments: [0, 1, 8, 63, 64, 65, 200, 5000])
  func `rows decide as contexts do`(count: Int) throws {
    var random = SplitMix(state: UInt64(count))
    for text in [
      "number > 0.5", "narrow != 1 and number <= narrow", "flag == 1 or text == 'billing'",
      "(any > 1 or number == any) and (text != 'é' or narrow < 0.5)", "any == text",
      "always", "text < 'c' and any != 'é'", "1 < number and flag != narrow or any == 1",
    ] {
      let condition = try Condition(text, schema: schema)
      let table = Table(count: count, using: &random)
      let columns = try table.columns(schema: schema)
      let answers = try condition.evaluate(columns)
      #expect(try condition.counts(in: columns) == answers.counts)
      var counts = (held: 0, failed: 0)
      var context = try Context(schema: schema)
      for row in 0..<count {
        try table.fill(&context, row: row)
        var held = false
        let error = capture { held = try condition.evaluate(context) }
        counts.held += held ? 1 : 0
        counts.failed += error == nil ? 0 : 1
        let agrees = answers.held[row] == held && answers.failed[row] == (error != nil)
        #expect(agrees, "\(text), row \(row) of \(count)")
        if row % 50 == 0 {
          #expect(capture { _ = try condition.evaluate(columns, row: row) } == error)
          let explanation = try condition.explain(context)
          #expect(try condition.explain(columns, row: row).outcome == explanation.outcome)
        }
      }
      #expect(counts == (answers.heldCount, answers.failedCount))
      #expect(try table.answersThroughSpans(condition) == answers)
    }
  }

  @Test func `spans decide as arrays do`() throws {
    let condition = try Condition("number > 1 and narrow < 3 and any >= 1", schema: schema)
    let events = (0..<100).map(Event.init(number:))
    let some = (0..<13).map { UInt8($0) }
    var columns = try ColumnSpans(schema: schema, count: 100)
    try columns.set(events.span, \.severity, valid: some.span, for: "number")
    try columns.set(events.span, \.place.load, for: "narrow")
    let any = [Double](repeating: 1, count: 100)
    try columns.set(any.span, for: "any")
    let answers = try condition.evaluate(columns)
    for (row, event) in events.enumerated() {
      let valid = some[row / 8] >> (row % 8) & 1 != 0
      #expect(answers.failed[row] == !valid)
      #expect(answers.held[row] == (valid && event.severity > 1 && event.place.load < 3))
    }
    #expect(try condition.counts(in: columns) == answers.counts)
    let outcome = try condition.explain(columns, row: 8).outcome
    #expect(try outcome == .decided(condition.evaluate(columns, row: 8)))
    try columns.unset("any")
    #expect(try condition.counts(in: columns).failed == 100)
  }

  @Test func `a bitmap may have more bytes than its rows need`() throws {
    let numbers = [1.0, 2, 3]
    let padded: [UInt8] = [0b101, 0xFF, 0, 0, 0, 0, 0, 0]
    var columns = try ColumnSpans(schema: schema, count: 3)
    try columns.set(numbers.span, valid: padded.span, for: "number")
    try columns.set(booleans: padded.span, for: "flag")
    let counts = try Condition("number > 2 and flag == 1", schema: schema).counts(in: columns)
    #expect(counts.held == 1)
    #expect(counts.failed == 1)
  }

  @Test func `spans of the wrong form are refused`() throws {
    let two = [1.0, 2]
    let narrow: [Float] = [1, 2]
    let bits: [UInt8] = []
    let codes: [Int32] = [0, 0]
    let events = [Event(number: 1)]
    var columns = try ColumnSpans(schema: schema, count: 3)
    #expect(columns.count == 3)
    var errors: [HoldfastError?] = []
    do { try columns.set(two.span, for: "number") } catch { errors.append(error) }
    do { try columns.set(narrow.span, for: "number") } catch { errors.append(error) }
    do { try columns.set(booleans: bits.span, for: "flag") } catch { errors.append(error) }
    do {
      try columns.set(codes: codes.span, dictionary: ["x"], for: "text")
    } catch {
      errors.append(error)
    }
    do { try columns.set(events.span, \.severity, for: "number") } catch { errors.append(error) }
    #expect(errors.map { $0?.code } == Array(repeating: .invalidArgument, count: 5))
    errors = []
    do { try columns.set(two.span, for: "text") } catch { errors.append(error) }
    do { try columns.set(booleans: bits.span, for: "number") } catch { errors.append(error) }
    #expect(errors.map { $0?.code } == [.typeMismatch, .typeMismatch])
    errors = []
    var one = try ColumnSpans(schema: schema, count: 1)
    do { try one.set(events.span, \.doubled, for: "number") } catch { errors.append(error) }
    do { try one.set(events.span, \.severity, valid: bits.span, for: "any") } catch {
      errors.append(error)
    }
    #expect(errors.map { $0?.code } == [.invalidArgument, .invalidArgument])
    #expect(try Condition("number > 0", schema: schema).counts(in: one).failed == 1)
  }
}

/// Random values of the suite's schema; what is `nil` is missing.
private struct Table {
  let count: Int
  let numbers: [Double]
  let narrow: [Float]
  let flags: [Bool]
  let codes: [Int32]
  let anyCodes: [Int32]
  let valid: [[Bool]?]
  let dictionary = ["billing", "b", "é", "", "b"]

  init(count: Int, using random: inout SplitMix) {
    let some = [0, 0.5, 1, 2, -1, .nan, .infinity, -.infinity, 0.25]
    self.count = count
    numbers = (0..<count).map { _ in some.randomElement(using: &random) ?? 0 }
    narrow = (0..<count).map { _ in Float(some.randomElement(using: &random) ?? 0) }
    flags = (0..<count).map { _ in .random(using: &random) }
    // One in six is outside the dictionary.
    codes = (0..<count).map { _ in .random(in: 0...5, using: &random) }
    anyCodes = (0..<count).map { _ in .random(in: -1...4, using: &random) }
    valid = (0..<5).map { _ in
      if Bool.random(using: &random) { return nil }
      return (0..<count).map { _ in Int.random(in: 0..<10, using: &random) != 0 }
    }
  }

  func columns(schema: Schema) throws -> Columns {
    // Bitmaps that begin in the midst of a byte.
    let bits = try valid.map { rows in
      try rows.map {
        try Bitmap(bytes: Bitmap([true, false, true] + $0).bytes, offset: 3, count: count)
      }
    }
    var columns = try Columns(schema: schema, count: count)
    try columns.set(numbers, valid: bits[0], for: "number")
    try columns.set(narrow, valid: bits[1], for: "narrow")
    let flagBits = try Bitmap(bytes: Bitmap([true] + flags).bytes, offset: 1, count: count)
    try columns.set(flagBits, valid: bits[2], for: "flag")
    try columns.set(codes: codes, dictionary: dictionary, valid: bits[3], for: "text")
    try columns.set(codes: anyCodes, dictionary: dictionary, valid: bits[4], for: "any")
    return columns
  }

  func answersThroughSpans(_ condition: Condition) throws -> Columns.Answers {
    func bytes(_ rows: [Bool]?) -> [UInt8] {
      Bitmap(rows ?? [Bool](repeating: true, count: count)).bytes
    }
    let (bits0, bits1, bits2) = (bytes(valid[0]), bytes(valid[1]), bytes(valid[2]))
    let (bits3, bits4) = (bytes(valid[3]), bytes(valid[4]))
    let flagBits = Bitmap(flags).bytes
    var columns = try ColumnSpans(schema: condition.schema, count: count)
    try columns.set(numbers.span, valid: bits0.span, for: "number")
    try columns.set(narrow.span, valid: bits1.span, for: "narrow")
    try columns.set(booleans: flagBits.span, valid: bits2.span, for: "flag")
    try columns.set(
      codes: codes.span, dictionary: dictionary, valid: bits3.span, for: "text")
    // In another dictionary, which would take the place of the first if that were not kept.
    let turned = anyCodes.map { 4 - $0 }
    try columns.set(
      codes: turned.span, dictionary: dictionary.reversed(), valid: bits4.span, for: "any")
    return try condition.evaluate(columns)
  }

  func fill(_ context: inout Context, row: Int) throws {
    context.removeAll()
    if valid[0]?[row] ?? true { try context.set(number: numbers[row], at: 0) }
    if valid[1]?[row] ?? true { try context.set(number: Double(narrow[row]), at: 1) }
    if valid[2]?[row] ?? true { try context.set(boolean: flags[row], at: 2) }
    if valid[3]?[row] ?? true { try fill(&context, codes[row], at: 3) }
    if valid[4]?[row] ?? true { try fill(&context, anyCodes[row], at: 4) }
  }

  private func fill(_ context: inout Context, _ code: Int32, at index: Int) throws {
    if dictionary.indices.contains(Int(code)) {
      try context.set(string: dictionary[Int(code)], at: index)
    } else {
      try context.setInvalid(at: index)
    }
  }
}

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014): the same numbers in every run.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
