import BenchHarness
import CHoldfast
import Foundation
import Holdfast

/// One condition and the contexts of a "random" row: through the binding, and the same in C.
@safe final class Workload {
  let condition: Condition
  /// One for each context; a context has one owner, so that an array cannot hold them.
  let contexts: UnsafeMutablePointer<Context>
  let cCondition: OpaquePointer
  let cContexts: UnsafeMutablePointer<OpaquePointer>
  private let cSchema: OpaquePointer
  static let count = Int(BENCH_CONTEXTS)

  /// - Parameter name: a workload whose variables are all numbers.
  init(_ name: String) throws {
    guard let workload = unsafe bench_workload_named(name)?.pointee,
      let text = unsafe workload.text,
      let values = unsafe bench_draw_values(bench_workload_named(name), Workload.count)
    else { throw SetUpFailed.noWorkload(name) }
    defer { unsafe free(values) }
    let width = unsafe workload.variable_count
    let numbers = unsafe values.assumingMemoryBound(to: Double.self)

    let names = (0..<width).compactMap { index in
      unsafe workload.variables[index].name.map { unsafe String(cString: $0) }
    }
    let schema = try Schema(names.map { (name: $0, type: .number) })
    condition = try Condition(unsafe String(cString: text), schema: schema)
    unsafe contexts = .allocate(capacity: Workload.count)
    for index in 0..<Workload.count {
      var context = try Context(schema: schema)
      for variable in 0..<width {
        try context.set(number: unsafe numbers[index * width + variable], at: variable)
      }
      unsafe (contexts + index).initialize(to: context)
    }

    var created: OpaquePointer?
    try check(unsafe hf_schema_create(workload.variables, width, nil, &created, nil))
    unsafe cSchema = try unwrap(created)
    unsafe created = nil
    try check(
      unsafe hf_condition_compile(cSchema, text, strlen(text), nil, &created, nil))
    unsafe cCondition = try unwrap(created)
    unsafe cContexts = .allocate(capacity: Workload.count)
    for index in 0..<Workload.count {
      unsafe created = nil
      try check(unsafe hf_context_create(cSchema, nil, &created))
      let context = unsafe try unwrap(created)
      try check(unsafe workload.set(context, values + index * workload.values_bytes))
      unsafe (cContexts + index).initialize(to: context)
    }
  }

  deinit {
    unsafe contexts.deinitialize(count: Workload.count)
    unsafe contexts.deallocate()
    for index in 0..<Workload.count { unsafe hf_context_destroy(cContexts[index]) }
    unsafe cContexts.deallocate()
    unsafe hf_condition_destroy(cCondition)
    unsafe hf_schema_release(cSchema)
  }
}

enum SetUpFailed: Error {
  case noWorkload(String)
  case status(hf_status)
}

func check(_ status: hf_status) throws {
  if status != HF_OK { throw SetUpFailed.status(status) }
}

func unwrap(_ pointer: OpaquePointer?) throws -> OpaquePointer {
  guard let pointer = unsafe pointer else { throw SetUpFailed.status(HF_ERROR_OUT_OF_MEMORY) }
  return unsafe pointer
}
