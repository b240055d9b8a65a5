import CHoldfast

/// The values of many rows, a column for each variable, for one condition to decide on all at once.
///
/// ```swift
/// var columns = try Columns(schema: schema, count: severity.count)
/// try columns.set(severity, for: "severity")
/// try columns.set(recurrence, valid: Bitmap(known), for: "recurrence_count")
/// try columns.set(codes: domains, dictionary: ["billing", "search"], for: "domain")
///
/// let answers = try urgent.evaluate(columns)
/// print(answers.heldCount, "of", columns.count)
/// ```
///
/// Arrays are kept, not copied, also fields of an array of structures:
///
/// ```swift
/// var columns = try Columns(schema: schema, count: events.count)
/// try columns.set(events, \.severity, for: "severity")
/// try columns.set(events, \.recurrenceCount, for: "recurrence_count")
/// ```
///
/// Who writes to such an array later writes to a copy of it. Memory that is no array is
/// ``ColumnSpans``' affair.
///
/// A row decides exactly as a ``Context`` with the same values would. A variable without a column is
/// missing in every row, and a condition that needs it fails there.
public struct Columns: Sendable {
  var list: ColumnList

  /// Makes columns in which every variable is missing.
  ///
  /// - Parameters:
  ///   - schema: the variables; the five classic ones by default.
  ///   - count: how many rows there are.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when the count is negative.
  /// - Complexity: O(1).
  public init(schema: Schema = .classic, count: Int) throws(HoldfastError) {
    list = try ColumnList(schema: schema, rowCount: count)
  }

  /// The schema that they were made for.
  public var schema: Schema { list.schema }

  /// How many rows there are.
  public var count: Int { list.rowCount }

  /// Gives a variable its numbers.
  ///
  /// - Parameters:
  ///   - numbers: one for each row, kept without a copy. NaN is a value; what has none is said by
  ///     `valid`.
  ///   - valid: the rows that have a value; all of them without it.
  ///   - name: of the variable.
  /// - Throws: ``HoldfastError/Code/variableNotAllowed`` when it is not declared,
  ///   ``HoldfastError/Code/typeMismatch`` when it is declared with another type,
  ///   ``HoldfastError/Code/invalidArgument`` when the lengths are not ``count``. Nothing changes
  ///   then.
  /// - Complexity: O(log n) in the variables.
  public mutating func set(
    _ numbers: [Double], valid: Bitmap? = nil, for name: String
  ) throws(HoldfastError) {
    try setValues(numbers, valid: valid, for: name)
  }

  /// Gives a variable its numbers, which are widened exactly. As
  /// ``set(_:valid:for:)-([Double],_,_)``.
  public mutating func set(
    _ numbers: [Float], valid: Bitmap? = nil, for name: String
  ) throws(HoldfastError) {
    try setValues(numbers, valid: valid, for: name)
  }

  /// Gives a variable its booleans. As ``set(_:valid:for:)-([Double],_,_)``.
  public mutating func set(
    _ booleans: Bitmap, valid: Bitmap? = nil, for name: String
  ) throws(HoldfastError) {
    let column = unsafe booleans.bytes.withUnsafeBufferPointer {
      unsafe hf_column($0, offset: booleans.offset)
    }
    unsafe try place(
      column, of: [booleans.bytes], length: booleans.count, valid: valid, for: name)
  }

  /// Gives a variable its strings: for each row the place of one in a dictionary.
  ///
  /// A code outside the dictionary is a value of another type: a comparison that needs it fails with
  /// ``HoldfastError/Code/typeMismatch``.
  ///
  /// - Parameters:
  ///   - codes: one for each row, kept without a copy.
  ///   - dictionary: what they mean. The same string may stand twice.
  ///   - valid: the rows that have a value; all of them without it.
  ///   - name: of the variable.
  /// - Throws: as ``set(_:valid:for:)-([Double],_,_)``.
  /// - Complexity: O(log n) in the variables, O(length) in the dictionary.
  public mutating func set(
    codes: [Int32], dictionary: [String], valid: Bitmap? = nil, for name: String
  ) throws(HoldfastError) {
    try setValues(codes, dictionary: dictionary, valid: valid, for: name)
  }

  /// Gives a variable its numbers: a field of each of the rows.
  ///
  /// - Parameters:
  ///   - rows: structures, kept without a copy.
  ///   - field: a stored property of theirs, or one of a structure in them.
  ///   - valid: the rows that have a value; all of them without it.
  ///   - name: of the variable.
  /// - Throws: as ``set(_:valid:for:)-([Double],_,_)``; ``HoldfastError/Code/invalidArgument`` also
  ///   when the property is not stored in the structure.
  /// - Complexity: O(log n) in the variables.
  public mutating func set<Row: Sendable>(
    _ rows: [Row], _ field: KeyPath<Row, Double>, valid: Bitmap? = nil, for name: String
  ) throws(HoldfastError) {
    try setField(rows, field, valid: valid, for: name)
  }

  /// Gives a variable its numbers: a field of each of the rows, widened exactly. As
  /// ``set(_:_:valid:for:)-(_,KeyPath<Row,Double>,_,_)``.
  public mutating func set<Row: Sendable>(
    _ rows: [Row], _ field: KeyPath<Row, Float>, valid: Bitmap? = nil, for name: String
  ) throws(HoldfastError) {
    try setField(rows, field, valid: valid, for: name)
  }

  /// Gives a variable its strings: a field of each of the rows has the place of one in a dictionary.
  /// As ``set(codes:dictionary:valid:for:)`` and
  /// ``set(_:_:valid:for:)-(_,KeyPath<Row,Double>,_,_)``.
  public mutating func set<Row: Sendable>(
    _ rows: [Row], codes field: KeyPath<Row, Int32>, dictionary: [String], valid: Bitmap? = nil,
    for name: String
  ) throws(HoldfastError) {
    try setField(rows, field, dictionary: dictionary, valid: valid, for: name)
  }

  /// Makes a variable missing in every row again.
  ///
  /// - Throws: ``HoldfastError/Code/variableNotAllowed`` when it is not declared.
  /// - Complexity: O(log n) in the variables.
  public mutating func unset(_ name: String) throws(HoldfastError) {
    try list.remove(name)
  }
}

extension Columns {
  private mutating func setValues<Value: ColumnValue & Sendable>(
    _ values: [Value], dictionary: [String]? = nil, valid: Bitmap?, for name: String
  ) throws(HoldfastError) {
    let column = unsafe values.withUnsafeBufferPointer { unsafe hf_column($0) }
    unsafe try place(
      column, of: [values], length: values.count, dictionary: dictionary, valid: valid, for: name)
  }

  private mutating func setField<Row: Sendable, Value: ColumnValue>(
    _ rows: [Row], _ field: KeyPath<Row, Value>, dictionary: [String]? = nil, valid: Bitmap?,
    for name: String
  ) throws(HoldfastError) {
    let column = unsafe try rows.withUnsafeBufferPointer { rows throws(HoldfastError) in
      unsafe try hf_column(rows, field, of: name)
    }
    unsafe try place(
      column, of: [rows], length: rows.count, dictionary: dictionary, valid: valid, for: name)
  }

  /// The pointers in a column come from the arrays that the list then keeps. They stay good as long
  /// as the array's memory has an owner and is not written to, which is what passing an array as a
  /// pointer to a C function rests on.
  private mutating func place(
    _ column: hf_column, of owners: [any Sendable], length: Int, dictionary: [String]? = nil,
    valid: Bitmap?, for name: String
  ) throws(HoldfastError) {
    var column = unsafe column
    var owners = owners
    if let dictionary {
      let block = WordBlock(dictionary)
      unsafe column.setDictionary(block)
      owners.append(block)
    }
    if let valid {
      unsafe valid.bytes.withUnsafeBufferPointer {
        unsafe column.setValidity($0, offset: valid.offset)
      }
      owners.append(valid.bytes)
    }
    unsafe try list.place(
      column, of: owners, length: length, validityLength: valid?.count, for: name)
  }
}

extension Columns {
  /// What a condition decided in each row. In those that neither hold nor failed it is false.
  public struct Answers: Sendable, Equatable {
    /// The rows in which it holds.
    public let held: Bitmap
    /// The rows in which it could not be decided: a value is missing or of a wrong type. For the
    /// reason ask ``Condition/evaluate(_:row:)-(Columns,_)`` or
    /// ``Condition/explain(_:row:)-(Columns,_)``.
    public let failed: Bitmap
    /// How many rows there are of both kinds.
    public let counts: Counts

    /// How many rows it holds in.
    public var heldCount: Int { counts.held }
    /// How many rows it could not be decided in.
    public var failedCount: Int { counts.failed }
  }

  /// In how many rows a condition held or failed; in the others it is false.
  public struct Counts: Sendable, Hashable {
    /// The rows in which it holds.
    public let held: Int
    /// The rows in which it could not be decided: a value is missing or of a wrong type.
    public let failed: Int

    /// Counts, to compare others with.
    public init(held: Int, failed: Int) {
      self.held = held
      self.failed = failed
    }
  }
}
