// What the Swift binding adds to a C evaluation: the same condition over the same values, through
// `Condition.evaluate` and through the C function, in turns, by the harness that C uses.

import BenchHarness
import CHoldfast
import Foundation
import Holdfast

let operations = 4 * Workload.count

/// What `set_up` made.
func workload(_ data: UnsafeMutableRawPointer?) -> Workload {
  guard let data = unsafe data else { preconditionFailure("the harness passes what was set up") }
  return unsafe Unmanaged<Workload>.fromOpaque(data).takeUnretainedValue()
}

/// Sums up the places at which the condition held.
func throughSwift(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let workload = unsafe workload(data)
  let condition = workload.condition
  let contexts = unsafe workload.contexts
  var sum: UInt64 = 0
  do {
    for operation in 0..<operations {
      if try unsafe condition.evaluate(contexts[operation & (Workload.count - 1)]) {
        sum &+= UInt64(operation)
      }
    }
  } catch {
    print("note\tan evaluation failed: \(error)")
    return 0
  }
  return sum
}

func throughC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let workload = unsafe workload(data)
  let condition = unsafe workload.cCondition
  let contexts = unsafe workload.cContexts
  var sum: UInt64 = 0
  for operation in 0..<operations {
    var held = false
    let context = unsafe contexts[operation & (Workload.count - 1)]
    guard unsafe hf_condition_evaluate(condition, context, &held, nil) == HF_OK else { return 1 }
    if held { sum &+= UInt64(operation) }
  }
  return sum
}

/// Makes a row's workload of its name, or says why not.
func setUp(_ name: UnsafeRawPointer?) -> UnsafeMutableRawPointer? {
  guard let name = unsafe name else { return nil }
  do {
    let workload = try Workload(
      unsafe String(cString: name.assumingMemoryBound(to: CChar.self)))
    return unsafe Unmanaged.passRetained(workload).toOpaque()
  } catch {
    print("note\t\(error)")
    return nil
  }
}

func tearDown(_ data: UnsafeMutableRawPointer?) {
  guard let data = unsafe data else { return }
  unsafe Unmanaged<Workload>.fromOpaque(data).release()
}

/// A C string that lives as long as the program, as the harness borrows it.
func lasting(_ text: String) -> UnsafePointer<CChar>? { unsafe UnsafePointer(strdup(text)) }

var rows = unsafe ["W1", "W2"].map { name in
  unsafe bench_row(
    name: lasting("condition/swift/\(name)/random"), parameter: UnsafeRawPointer(lasting(name)),
    set_up: setUp, run: throughSwift, reference: lasting("hf_condition_evaluate from Swift"),
    run_reference: throughC, tear_down: tearDown, operations: operations, parts: 1,
    reference_is_other_work: false, allocates_nothing: false, report_difference: true)
}
let status = unsafe rows.withUnsafeBufferPointer { rows in
  unsafe bench_register(rows.baseAddress, rows.count)
  return unsafe CommandLine.unsafeArgv.withMemoryRebound(
    to: UnsafePointer<CChar>?.self, capacity: Int(CommandLine.argc)
  ) { arguments in unsafe bench_main(CommandLine.argc, arguments) }
}
exit(status)
