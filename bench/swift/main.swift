// Rows through the public Swift interface, in the harness that C uses: what the binding adds to a C
// evaluation of the same condition over the same values, and what Foundation's #Predicate
// and NSCache take.

import BenchHarness
import CHoldfast
import Foundation
import Holdfast

let operations = 4 * Workload.count

/// The object that a row's set-up made.
func object<Object: AnyObject>(_ data: UnsafeMutableRawPointer?) -> Object {
  guard let data = unsafe data else { preconditionFailure("the harness passes what was set up") }
  return unsafe Unmanaged<Object>.fromOpaque(data).takeUnretainedValue()
}

/// Sums up the places at which the condition held.
func throughSwift(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let workload: Workload = unsafe object(data)
  let condition = workload.condition
  let contexts = unsafe workload.contexts
  return outcome {
    var sum: UInt64 = 0
    for operation in 0..<operations {
      if try unsafe condition.evaluate(contexts[operation & (Workload.count - 1)]) {
        sum &+= UInt64(operation)
      }
    }
    return sum
  }
}

func throughC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let workload: Workload = unsafe object(data)
  let condition = unsafe workload.cCondition
  let contexts = unsafe workload.cContexts
  return outcome {
    var sum: UInt64 = 0
    for operation in 0..<operations {
      var held = false
      let context = unsafe contexts[operation & (Workload.count - 1)]
      try check(unsafe hf_condition_evaluate(condition, context, &held, nil))
      if held { sum &+= UInt64(operation) }
    }
    return sum
  }
}

func columnsThroughSwift(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let workload: ColumnsWorkload = unsafe object(data)
  return outcome(workload.run)
}

func columnsThroughC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let workload: ColumnsWorkload = unsafe object(data)
  return outcome(workload.runC)
}

func throughPredicate(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let peer: PredicatePeer = unsafe object(data)
  return outcome(peer.run)
}

func throughNativeC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let peer: PredicatePeer = unsafe object(data)
  return peer.runNative()
}

func throughNSCache(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let peer: NSCachePeer = unsafe object(data)
  return peer.run()
}

func besideNSCache(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let peer: NSCachePeer = unsafe object(data)
  return peer.runC()
}

func hitsThroughSwift(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let hits: CacheHits = unsafe object(data)
  return hits.run()
}

func hitsThroughC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let hits: CacheHits = unsafe object(data)
  return hits.runC()
}

func callsThroughSwift(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: BreakerCalls = unsafe object(data)
  return outcome(calls.throughSwift)
}

func callsThroughC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: BreakerCalls = unsafe object(data)
  return outcome(calls.throughC)
}

func timersThroughSwift(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: TimerCalls = unsafe object(data)
  return calls.throughSwift()
}

func timersThroughC(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: TimerCalls = unsafe object(data)
  return outcome(calls.throughC)
}

func resilientCalls(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: ResilientCalls = unsafe object(data)
  return outcome(calls.throughPipeline)
}

func callsThroughTaskGroups(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: ResilientCalls = unsafe object(data)
  return outcome(calls.throughPeer)
}

func bareCalls(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let calls: ResilientCalls = unsafe object(data)
  return outcome(calls.bare)
}

func throughBulkhead(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let parts: ResilienceParts = unsafe object(data)
  return outcome(parts.enterAndLeave)
}

func throughCounter(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let parts: ResilienceParts = unsafe object(data)
  return outcome(parts.countUpAndDown)
}

func throughLimiter(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let parts: ResilienceParts = unsafe object(data)
  return outcome(parts.takeFromLimiter)
}

func throughBucket(_ data: UnsafeMutableRawPointer?, _ part: Int) -> UInt64 {
  let parts: ResilienceParts = unsafe object(data)
  return outcome(parts.takeFromBucket)
}

/// What a run comes to. One that fails ends the program: its time would mean nothing.
func outcome(_ body: () throws -> UInt64) -> UInt64 {
  do {
    return try body()
  } catch {
    complain(error)
    exit(1)
  }
}

func complain(_ error: any Error) {
  FileHandle.standardError.write(Data("bench: \(error)\n".utf8))
}

/// Hands an object over to the harness, until `tearDown`; NULL if it cannot be made.
func retained(_ make: () throws -> AnyObject) -> UnsafeMutableRawPointer? {
  do {
    return unsafe Unmanaged.passRetained(try make()).toOpaque()
  } catch {
    complain(error)
    return nil
  }
}

func workloadName(_ parameter: UnsafeRawPointer?) -> String {
  guard let parameter = unsafe parameter else { return "" }
  return unsafe String(cString: parameter.assumingMemoryBound(to: CChar.self))
}

func tearDown(_ data: UnsafeMutableRawPointer?) {
  guard let data = unsafe data else { return }
  unsafe Unmanaged<AnyObject>.fromOpaque(data).release()
}

/// A C string that lives as long as the program, as the harness borrows it.
func lasting(_ text: String) -> UnsafePointer<CChar>? { unsafe UnsafePointer(strdup(text)) }

var rows = unsafe ["W1", "W2"].map { name in
  unsafe bench_row(
    name: lasting("condition/swift/\(name)/random"), parameter: UnsafeRawPointer(lasting(name)),
    set_up: { parameter in unsafe retained { try Workload(unsafe workloadName(parameter)) } },
    run: throughSwift, reference: lasting("hf_condition_evaluate from Swift"),
    run_reference: throughC, tear_down: tearDown, operations: operations, parts: 1,
    reference_is_other_work: false, allocates_nothing: false, report_difference: true,
    counts_waiting: false)
}
unsafe rows += ["W1", "W2"].map { name in
  unsafe bench_row(
    name: lasting("condition/swift/\(name)/columns"), parameter: UnsafeRawPointer(lasting(name)),
    set_up: { parameter in
      unsafe retained { try ColumnsWorkload(unsafe workloadName(parameter)) }
    },
    run: columnsThroughSwift, reference: lasting("hf_condition_evaluate_columns from Swift"),
    run_reference: columnsThroughC, tear_down: tearDown, operations: ColumnsWorkload.operations,
    parts: 1, reference_is_other_work: false, allocates_nothing: false, report_difference: true,
    counts_waiting: false)
}
unsafe rows += [("W1", "W1"), ("W3", "W3-bytes")].map { name, workload in
  unsafe bench_row(
    name: lasting("peer/predicate/\(name)/random"), parameter: UnsafeRawPointer(lasting(workload)),
    set_up: { parameter in unsafe retained { try PredicatePeer(unsafe workloadName(parameter)) } },
    run: throughPredicate, reference: lasting("native C"), run_reference: throughNativeC,
    tear_down: tearDown, operations: PredicatePeer.operations, parts: 1,
    reference_is_other_work: false, allocates_nothing: false, report_difference: false,
    counts_waiting: false)
}
unsafe rows.append(
  bench_row(
    name: lasting("breaker/swift/allow-success"), parameter: nil,
    set_up: { _ in unsafe retained { try BreakerCalls() } },
    run: callsThroughSwift, reference: lasting("the C calls from Swift, with the clock"),
    run_reference: callsThroughC, tear_down: tearDown, operations: BreakerCalls.operations,
    parts: 1, reference_is_other_work: false, allocates_nothing: true, report_difference: true,
    counts_waiting: false))
unsafe rows.append(
  bench_row(
    name: lasting("timer/swift/arm-disarm"), parameter: nil,
    set_up: { _ in unsafe retained { try TimerCalls() } },
    run: timersThroughSwift, reference: lasting("the C calls from Swift, with the clock"),
    run_reference: timersThroughC, tear_down: tearDown, operations: TimerCalls.operations,
    parts: 1, reference_is_other_work: false, allocates_nothing: true, report_difference: true,
    counts_waiting: false))
unsafe rows += [("", "bytes"), ("/number", "number"), ("/object", "object")].map { suffix, kind in
  unsafe bench_row(
    name: lasting("cache/swift/hit\(suffix)"), parameter: UnsafeRawPointer(lasting(kind)),
    set_up: { parameter in unsafe retained { try CacheHits(unsafe workloadName(parameter)) } },
    run: hitsThroughSwift, reference: lasting("cache/hit/1t"), run_reference: hitsThroughC,
    tear_down: tearDown, operations: CacheHits.operations, parts: 1,
    reference_is_other_work: false, allocates_nothing: true, report_difference: true,
    counts_waiting: false)
}
unsafe rows += ["1t", "2t"].map { threads in
  unsafe bench_row(
    name: lasting("peer/nscache/hit/\(threads)"), parameter: UnsafeRawPointer(lasting(threads)),
    set_up: { parameter in
      unsafe retained { try NSCachePeer(twoThreads: unsafe workloadName(parameter) == "2t") }
    },
    run: throughNSCache, reference: lasting("cache/hit/1t"), run_reference: besideNSCache,
    tear_down: tearDown, operations: NSCachePeer.operations, parts: 1,
    reference_is_other_work: false, allocates_nothing: false, report_difference: false,
    counts_waiting: true)
}
unsafe rows += [
  bench_row(
    name: lasting("resilience/api/healthy"), parameter: nil,
    set_up: { _ in unsafe retained { try ResilientCalls() } },
    run: resilientCalls, reference: lasting("a bare async call"), run_reference: bareCalls,
    tear_down: tearDown, operations: ResilientCalls.operations, parts: 1,
    reference_is_other_work: false, allocates_nothing: false, report_difference: true,
    counts_waiting: false),
  bench_row(
    name: lasting("resilience/api/task-group"), parameter: nil,
    set_up: { _ in unsafe retained { try ResilientCalls() } },
    run: callsThroughTaskGroups, reference: lasting("resilience/api/healthy"),
    run_reference: resilientCalls, tear_down: tearDown, operations: ResilientCalls.operations,
    parts: 1, reference_is_other_work: false, allocates_nothing: false, report_difference: false,
    counts_waiting: false),
  bench_row(
    name: lasting("resilience/bulkhead"), parameter: nil,
    set_up: { _ in unsafe retained { try ResilienceParts() } },
    run: throughBulkhead, reference: lasting("a counter behind a Mutex"),
    run_reference: throughCounter, tear_down: tearDown, operations: ResilienceParts.operations,
    parts: 1, reference_is_other_work: false, allocates_nothing: true, report_difference: false,
    counts_waiting: false),
  bench_row(
    name: lasting("resilience/limiter"), parameter: nil,
    set_up: { _ in unsafe retained { try ResilienceParts() } },
    run: throughLimiter, reference: lasting("the C call from Swift, with the clock"),
    run_reference: throughBucket, tear_down: tearDown, operations: ResilienceParts.operations,
    parts: 1, reference_is_other_work: false, allocates_nothing: true, report_difference: true,
    counts_waiting: false),
]
let status = unsafe rows.withUnsafeBufferPointer { rows in
  unsafe bench_register(rows.baseAddress, rows.count)
  return unsafe CommandLine.unsafeArgv.withMemoryRebound(
    to: UnsafePointer<CChar>?.self, capacity: Int(CommandLine.argc)
  ) { arguments in unsafe bench_main(CommandLine.argc, arguments) }
}
exit(status)
