import BenchHarness
import CHoldfast
import Foundation
import Holdfast

/// One condition and the rows of a "columns" row: arrays through the binding, and the same arrays in
/// C, with memory for the answers that is made once.
@safe final class ColumnsWorkload {
  let condition: Condition
  let columns: Columns
  private let cCondition: OpaquePointer
  private let cColumns: [hf_column]
  private let held: UnsafeMutablePointer<UInt8>
  private let failed: UnsafeMutablePointer<UInt8>
  private static let rowCount = Workload.count
  private static let passes = 4
  static let operations = passes * rowCount

  /// - Parameter name: a workload whose variables are all numbers.
  init(_ name: String) throws {
    guard let workload = unsafe bench_workload_named(name)?.pointee,
      let text = unsafe workload.text,
      let values = unsafe bench_draw_values(bench_workload_named(name), Self.rowCount)
    else { throw SetUpFailed.noWorkload(name) }
    defer { unsafe free(values) }
    let width = unsafe workload.variable_count
    let numbers = unsafe values.assumingMemoryBound(to: Double.self)

    let names = (0..<width).compactMap { index in
      unsafe workload.variables[index].name.map { unsafe String(cString: $0) }
    }
    let schema = try Schema(names.map { (name: $0, type: .number) })
    condition = try Condition(unsafe String(cString: text), schema: schema)
    var columns = try Columns(schema: schema, count: Self.rowCount)
    var cColumns = unsafe [hf_column]()
    for (variable, name) in names.enumerated() {
      let array = (0..<Self.rowCount).map { unsafe numbers[$0 * width + variable] }
      try columns.set(array, for: name)
      // `columns` keeps the array, and its memory with it.
      let start = unsafe array.withUnsafeBufferPointer { $0.baseAddress }
      var column = unsafe hf_column()
      unsafe column.type = HF_COLUMN_DOUBLE
      unsafe column.values = UnsafeRawPointer(start)
      unsafe cColumns.append(column)
    }
    self.columns = columns
    unsafe self.cColumns = cColumns

    var schemaPointer: OpaquePointer?
    try check(unsafe hf_schema_create(workload.variables, width, nil, &schemaPointer, nil))
    let cSchema = unsafe try unwrap(schemaPointer)
    defer { unsafe hf_schema_release(cSchema) }
    var created: OpaquePointer?
    try check(unsafe hf_condition_compile(cSchema, text, strlen(text), nil, &created, nil))
    unsafe cCondition = try unwrap(created)
    unsafe held = .allocate(capacity: Self.rowCount / 8)
    unsafe failed = .allocate(capacity: Self.rowCount / 8)
  }

  deinit {
    unsafe held.deallocate()
    unsafe failed.deallocate()
    unsafe hf_condition_destroy(cCondition)
  }

  /// Sums up the rows that hold.
  func run() throws -> UInt64 {
    var sum = 0
    for _ in 0..<Self.passes { sum += try condition.evaluate(columns).heldCount }
    return UInt64(sum)
  }

  func runC() throws -> UInt64 {
    var sum = 0
    for _ in 0..<Self.passes {
      var counts = hf_column_counts()
      try check(
        unsafe hf_condition_evaluate_columns(
          cCondition, cColumns, cColumns.count, Self.rowCount, held, failed, &counts, nil))
      sum += counts.held
    }
    return UInt64(sum)
  }
}
