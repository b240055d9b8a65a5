import CHoldfast

/// ``Columns`` over memory that somebody else owns: nothing is kept or counted, and the compiler sees
/// to it that the memory outlives them and does not change meanwhile.
///
/// ```swift
/// var columns = try ColumnSpans(schema: schema, count: batch.count)
/// try columns.set(batch.severity.span, for: "severity")
/// try columns.set(batch.recurrence.span, for: "recurrence_count")
/// let answers = try urgent.evaluate(columns)
/// ```
///
/// For arrays, ``Columns`` is as quick and may be kept and handed on.
@safe public struct ColumnSpans: ~Copyable, ~Escapable, Sendable {
  var list: ColumnList

  /// Makes columns in which every variable is missing.
  ///
  /// - Parameters:
  ///   - schema: the variables; the five classic ones by default.
  ///   - count: how many rows there are.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when the count is negative.
  /// - Complexity: O(1).
  @_lifetime(immortal)
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
  ///   - numbers: one for each row. NaN is a value; what has none is said by `valid`.
  ///   - valid: the rows that have a value, a bit for each, least significant bit first; all of them
  ///     without it.
  ///   - name: of the variable.
  /// - Throws: ``HoldfastError/Code/variableNotAllowed`` when it is not declared,
  ///   ``HoldfastError/Code/typeMismatch`` when it is declared with another type,
  ///   ``HoldfastError/Code/invalidArgument`` when there are not ``count`` values or too few bits.
  ///   Nothing changes then.
  /// - Complexity: O(log n) in the variables.
  @_lifetime(self: copy self, copy numbers, copy valid)
  public mutating func set(
    _ numbers: Span<Double>, valid: Span<UInt8>? = nil, for name: String
  ) throws(HoldfastError) {
    let column = unsafe numbers.withUnsafeBufferPointer { unsafe hf_column($0) }
    unsafe try place(column, length: numbers.count, valid: valid, for: name)
  }

  /// Gives a variable its numbers, which are widened exactly. As
  /// ``set(_:valid:for:)-(Span<Double>,_,_)``.
  @_lifetime(self: copy self, copy numbers, copy valid)
  public mutating func set(
    _ numbers: Span<Float>, valid: Span<UInt8>? = nil, for name: String
  ) throws(HoldfastError) {
    let column = unsafe numbers.withUnsafeBufferPointer { unsafe hf_column($0) }
    unsafe try place(column, length: numbers.count, valid: valid, for: name)
  }

  /// Gives a variable its booleans, a bit for each row, least significant bit first. As
  /// ``set(_:valid:for:)-(Span<Double>,_,_)``.
  @_lifetime(self: copy self, copy bits, copy valid)
  public mutating func set(
    booleans bits: Span<UInt8>, valid: Span<UInt8>? = nil, for name: String
  ) throws(HoldfastError) {
    let column = unsafe bits.withUnsafeBufferPointer { unsafe hf_column($0, offset: 0) }
    unsafe try place(column, length: list.bits(of: bits.count), valid: valid, for: name)
  }

  /// Gives a variable its strings: for each row the place of one in a dictionary, which is copied. As
  /// ``Columns/set(codes:dictionary:valid:for:)`` and ``set(_:valid:for:)-(Span<Double>,_,_)``.
  @_lifetime(self: copy self, copy codes, copy valid)
  public mutating func set(
    codes: Span<Int32>, dictionary: [String], valid: Span<UInt8>? = nil, for name: String
  ) throws(HoldfastError) {
    let block = WordBlock(dictionary)
    var column = unsafe codes.withUnsafeBufferPointer { unsafe hf_column($0) }
    unsafe column.setDictionary(block)
    unsafe try place(column, of: [block], length: codes.count, valid: valid, for: name)
  }

  /// Gives a variable its numbers: a field of each of the rows. As
  /// ``Columns/set(_:_:valid:for:)-(_,KeyPath<Row,Double>,_,_)`` and
  /// ``set(_:valid:for:)-(Span<Double>,_,_)``.
  @_lifetime(self: copy self, copy rows, copy valid)
  public mutating func set<Row: Sendable>(
    _ rows: Span<Row>, _ field: KeyPath<Row, Double>, valid: Span<UInt8>? = nil, for name: String
  ) throws(HoldfastError) {
    let column = unsafe try rows.withUnsafeBufferPointer { rows throws(HoldfastError) in
      unsafe try hf_column(rows, field, of: name)
    }
    unsafe try place(column, length: rows.count, valid: valid, for: name)
  }

  /// Gives a variable its numbers: a field of each of the rows, widened exactly. As
  /// ``set(_:_:valid:for:)-(_,KeyPath<Row,Double>,_,_)``.
  @_lifetime(self: copy self, copy rows, copy valid)
  public mutating func set<Row: Sendable>(
    _ rows: Span<Row>, _ field: KeyPath<Row, Float>, valid: Span<UInt8>? = nil, for name: String
  ) throws(HoldfastError) {
    let column = unsafe try rows.withUnsafeBufferPointer { rows throws(HoldfastError) in
      unsafe try hf_column(rows, field, of: name)
    }
    unsafe try place(column, length: rows.count, valid: valid, for: name)
  }

  /// Makes a variable missing in every row again.
  ///
  /// - Throws: ``HoldfastError/Code/variableNotAllowed`` when it is not declared.
  /// - Complexity: O(log n) in the variables.
  public mutating func unset(_ name: String) throws(HoldfastError) {
    try list.remove(name)
  }

  private mutating func place(
    _ column: hf_column, of owners: [any Sendable] = [], length: Int, valid: Span<UInt8>?,
    for name: String
  ) throws(HoldfastError) {
    var column = unsafe column
    var validityLength: Int?
    if let valid {
      unsafe valid.withUnsafeBufferPointer { unsafe column.setValidity($0, offset: 0) }
      validityLength = list.bits(of: valid.count)
    }
    unsafe try list.place(
      column, of: owners, length: length, validityLength: validityLength, for: name)
  }
}

extension ColumnList {
  /// For how many rows a bitmap of so many bytes has bits: more bytes than needed are well, as Arrow
  /// pads its bitmaps.
  fileprivate func bits(of bytes: Int) -> Int {
    bytes >= (rowCount + 7) / 8 ? rowCount : 8 * bytes
  }
}
