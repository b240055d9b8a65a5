import CHoldfast

/// The columns of a schema as the C core takes them, and what keeps their memory.
@safe struct ColumnList: Sendable {
  let schema: Schema
  let rowCount: Int

  /// One for each variable, up to the last that was set.
  ///
  /// Sendable: changing it needs exclusive access (`mutating`), and nothing writes where it points.
  nonisolated(unsafe) private var columns: [hf_column]

  /// For each of `columns`, the arrays and dictionaries that it points into. While they are kept,
  /// nothing changes them: whoever writes to an array that has another owner writes to a copy.
  private var owners: [[any Sendable]]

  init(schema: Schema, rowCount: Int) throws(HoldfastError) {
    guard rowCount >= 0 else {
      throw HoldfastError(invalidArgument: "there cannot be \(rowCount) rows")
    }
    self.schema = schema
    self.rowCount = rowCount
    unsafe columns = []
    owners = []
  }

  /// Takes a column, if its variable may have it and it has a value for each row.
  ///
  /// - Parameters:
  ///   - column: points into `owners`, or into what outlives the list.
  ///   - length: how many values it has.
  ///   - validityLength: how many bits there are that say which rows have a value; `nil` if all do.
  mutating func place(
    _ column: hf_column, of owners: [any Sendable], length: Int, validityLength: Int?,
    for name: String
  ) throws(HoldfastError) {
    let index = try schema.declaredIndex(of: name)
    try checkType(of: unsafe column.type, at: index, name)
    for (length, what) in [(length, "values"), (validityLength ?? rowCount, "validity bits")]
    where length != rowCount {
      throw HoldfastError(
        invalidArgument: "the column of '\(name)' has \(length) \(what) for \(rowCount) rows",
        variable: name)
    }
    unsafe replace(column, of: owners, at: index)
  }

  /// Takes a variable's column away.
  mutating func remove(_ name: String) throws(HoldfastError) {
    unsafe replace(hf_column(), of: [], at: try schema.declaredIndex(of: name))
  }

  private mutating func replace(_ column: hf_column, of owners: [any Sendable], at index: Int) {
    while self.owners.count <= index {
      unsafe columns.append(hf_column())
      self.owners.append([])
    }
    unsafe columns[index] = column
    self.owners[index] = owners
  }

  /// Passes the columns on, for the length of the call.
  func withColumns<Result>(_ body: (UnsafeBufferPointer<hf_column>) -> Result) -> Result {
    defer { extendLifetime(owners) }
    return unsafe columns.withUnsafeBufferPointer(body)
  }

  private func checkType(
    of columnType: hf_column_type, at index: Int, _ name: String
  ) throws(HoldfastError) {
    let declared = unsafe Schema.VariableType(
      hf_schema_variable(schema.handle.pointer, UInt32(index)).type)
    let (type, what): (Schema.VariableType, String) =
      switch columnType {
      case HF_COLUMN_BOOLEAN: (.boolean, "booleans")
      case HF_COLUMN_STRING: (.string, "strings")
      default: (.number, "numbers")
      }
    guard declared == .any || declared == type else {
      throw HoldfastError(
        HF_ERROR_TYPE_MISMATCH,
        message:
          "variable '\(name)' is declared as \(declared.rawValue), so its column cannot hold \(what)",
        variable: name)
    }
  }
}

/// A value that a column may have in each row.
protocol ColumnValue: BitwiseCopyable {
  static var columnType: hf_column_type { get }
}

extension Double: ColumnValue {
  static var columnType: hf_column_type { HF_COLUMN_DOUBLE }
}

extension Float: ColumnValue {
  static var columnType: hf_column_type { HF_COLUMN_FLOAT }
}

/// The codes of strings.
extension Int32: ColumnValue {
  static var columnType: hf_column_type { HF_COLUMN_STRING }
}

extension hf_column {
  /// Values in a row.
  init<Value: ColumnValue>(_ values: UnsafeBufferPointer<Value>) {
    unsafe self.init()
    unsafe type = Value.columnType
    unsafe self.values = UnsafeRawPointer(values.baseAddress)
  }

  /// A field of structures in a row.
  init<Row, Value: ColumnValue>(
    _ rows: UnsafeBufferPointer<Row>, _ field: KeyPath<Row, Value>, of name: String
  ) throws(HoldfastError) {
    guard let offset = MemoryLayout<Row>.offset(of: field) else {
      throw HoldfastError(
        invalidArgument: "the key path for the column of '\(name)' leads to no stored field",
        variable: name)
    }
    unsafe self.init()
    unsafe type = Value.columnType
    unsafe values = UnsafeRawPointer(rows.baseAddress)?.advanced(by: offset)
    unsafe stride_bytes = MemoryLayout<Row>.stride
  }

  /// A bitmap, whose first row is at bit `offset`.
  init(_ bitmap: UnsafeBufferPointer<UInt8>, offset: Int) {
    unsafe self.init()
    unsafe type = HF_COLUMN_BOOLEAN
    unsafe values = UnsafeRawPointer(bitmap.baseAddress)
    unsafe offset_bits = offset
  }

  mutating func setValidity(_ bitmap: UnsafeBufferPointer<UInt8>, offset: Int) {
    unsafe validity = bitmap.baseAddress
    unsafe validity_offset_bits = offset
  }

  mutating func setDictionary(_ block: WordBlock) {
    unsafe dictionary = UnsafePointer(block.words.baseAddress)
    unsafe dictionary_count = block.words.count
  }
}
