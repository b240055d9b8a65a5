import CHoldfast

extension Condition {
  /// Decides whether the condition holds, in every row.
  ///
  /// A row that fails does not throw: ``Columns/Answers/failed`` has it, and
  /// ``evaluate(_:row:)-(Columns,_)`` throws its reason.
  ///
  /// - Parameter columns: made for ``schema``, or an equal one.
  /// - Throws: ``HoldfastError/Code/schemaMismatch``, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(rows * comparisons); for numbers about the time to read once the columns that
  ///   the condition names. Two bits a row are allocated.
  public func evaluate(_ columns: Columns) throws(HoldfastError) -> Columns.Answers {
    try evaluate(columns.list)
  }

  /// Decides whether the condition holds, in every row. As ``evaluate(_:)-(Columns)``.
  public func evaluate(_ columns: borrowing ColumnSpans) throws(HoldfastError) -> Columns.Answers {
    try evaluate(columns.list)
  }

  /// Counts the rows in which the condition holds, and those in which it fails.
  ///
  /// - Parameter columns: made for ``schema``, or an equal one.
  /// - Throws: as ``evaluate(_:)-(Columns)``.
  /// - Complexity: as ``evaluate(_:)-(Columns)``, but allocates nothing for conditions within the
  ///   default limits and dictionaries of up to 4,096 strings.
  public func counts(in columns: Columns) throws(HoldfastError) -> Columns.Counts {
    unsafe try decide(columns.list, nil, nil)
  }

  /// Counts the rows in which the condition holds, and those in which it fails. As
  /// ``counts(in:)-(Columns)``.
  public func counts(in columns: borrowing ColumnSpans) throws(HoldfastError) -> Columns.Counts {
    unsafe try decide(columns.list, nil, nil)
  }

  /// Decides whether the condition holds in one row, and throws if it fails there.
  ///
  /// - Throws: as ``evaluate(_:)-(Context)``; ``HoldfastError/Code/invalidArgument`` when there is no
  ///   such row, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(variables of the schema + comparisons), one allocation.
  public func evaluate(_ columns: Columns, row: Int) throws(HoldfastError) -> Bool {
    try withContext(of: columns.list, row: row) { context throws(HoldfastError) in
      try evaluate(context)
    }
  }

  /// Decides whether the condition holds in one row, and throws if it fails there. As
  /// ``evaluate(_:row:)-(Columns,_)``.
  public func evaluate(
    _ columns: borrowing ColumnSpans, row: Int
  ) throws(HoldfastError) -> Bool {
    try withContext(of: columns.list, row: row) { context throws(HoldfastError) in
      try evaluate(context)
    }
  }

  /// Evaluates one row, and says how: every comparison with its operands and outcome.
  ///
  /// - Throws: as ``explain(_:)-(Context)``; ``HoldfastError/Code/invalidArgument`` when there is no
  ///   such row, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(variables of the schema + comparisons).
  public func explain(_ columns: Columns, row: Int) throws(HoldfastError) -> Explanation {
    try withContext(of: columns.list, row: row) { context throws(HoldfastError) in
      try explain(context)
    }
  }

  /// Evaluates one row, and says how. As ``explain(_:row:)-(Columns,_)``.
  public func explain(
    _ columns: borrowing ColumnSpans, row: Int
  ) throws(HoldfastError) -> Explanation {
    try withContext(of: columns.list, row: row) { context throws(HoldfastError) in
      try explain(context)
    }
  }

  private func evaluate(_ list: ColumnList) throws(HoldfastError) -> Columns.Answers {
    let size = (list.rowCount + 7) / 8
    var failed: [UInt8] = []
    var outcome = Result<Columns.Counts, HoldfastError>.failure(.outOfMemory)
    let held = unsafe [UInt8](unsafeUninitializedCapacity: size) { held, heldSize in
      unsafe failed = [UInt8](unsafeUninitializedCapacity: size) { failed, failedSize in
        do throws(HoldfastError) {
          outcome = .success(unsafe try decide(list, held.baseAddress, failed.baseAddress))
          (heldSize, failedSize) = (size, size)
        } catch {
          outcome = .failure(error)
        }
      }
    }
    return Columns.Answers(
      held: Bitmap(holding: held, count: list.rowCount),
      failed: Bitmap(holding: failed, count: list.rowCount), counts: try outcome.get())
  }

  private func decide(
    _ list: ColumnList, _ held: UnsafeMutablePointer<UInt8>?, _ failed: UnsafeMutablePointer<UInt8>?
  ) throws(HoldfastError) -> Columns.Counts {
    guard list.schema == schema else { throw .columnsOfAnotherSchema }
    var counts = hf_column_counts()
    var error = hf_error()
    let status = unsafe list.withColumns { columns in
      unsafe hf_condition_evaluate_columns(
        pointer, columns.baseAddress, columns.count, list.rowCount, held, failed, &counts, &error)
    }
    guard status == HF_OK else { throw HoldfastError(error, schema: schema) }
    return Columns.Counts(held: counts.held, failed: counts.failed)
  }

  /// Fills a context with a row. Its strings are the columns', so it must not leave `body`.
  private func withContext<Answer>(
    of list: ColumnList, row: Int,
    _ body: (borrowing Context) throws(HoldfastError) -> Answer
  ) throws(HoldfastError) -> Answer {
    guard list.schema == schema else { throw .columnsOfAnotherSchema }
    guard (0..<list.rowCount).contains(row) else {
      throw HoldfastError(
        invalidArgument: "there is no row \(row); the columns have \(list.rowCount)")
    }
    let context = try Context(schema: schema)
    let status = unsafe list.withColumns { columns in
      unsafe hf_context_set_row(context.pointer, columns.baseAddress, columns.count, row)
    }
    guard status == HF_OK else {
      // What else could be wrong with a column was refused when it was set.
      throw status == HF_ERROR_OUT_OF_MEMORY
        ? .outOfMemory : HoldfastError(status, message: "a string of row \(row) has 4 GiB or more")
    }
    defer { extendLifetime(list) }
    return try body(context)
  }
}

extension HoldfastError {
  fileprivate static let columnsOfAnotherSchema = HoldfastError(
    HF_ERROR_SCHEMA_MISMATCH, message: "the columns were made for another schema")
}
