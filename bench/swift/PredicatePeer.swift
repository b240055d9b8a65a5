import BenchHarness
import CHoldfast
import Foundation

// Foundation's #Predicate over arrays of structures, against native C over the same values. W2 is
// left out: the compiler gives up on the types of an expression with eight comparisons.

struct W1Values: Sendable {
  var severity: Double
  var recurrenceCount: Double
}

struct W3Values: Sendable {
  var severity: Double
  var domain: String
  var kind: String
}

let w1Predicate = #Predicate<W1Values> { $0.severity >= 0.8 && $0.recurrenceCount >= 2 }

let w3Predicate = #Predicate<W3Values> {
  $0.severity >= 0.8
    && ($0.domain == "billing" || $0.kind == "error" || $0.kind == "crash" || $0.kind == "timeout"
      || $0.kind == "oom")
}

/// The values of one workload, for Swift and for C.
@safe final class PredicatePeer {
  let run: () throws -> UInt64
  private let values: UnsafeMutableRawPointer
  private let native: bench_native
  private let stride: Int
  static let operations = Workload.count

  init(_ name: String) throws {
    guard let workload = unsafe bench_workload_named(name)?.pointee,
      let native = unsafe workload.native,
      let values = unsafe bench_draw_values(bench_workload_named(name), Workload.count)
    else { throw SetUpFailed.noWorkload(name) }
    unsafe self.values = values
    unsafe self.native = native
    stride = unsafe workload.values_bytes
    if name == "W1" {
      let numbers = unsafe values.assumingMemoryBound(to: Double.self)
      let events = (0..<Workload.count).map {
        unsafe W1Values(severity: numbers[2 * $0], recurrenceCount: numbers[2 * $0 + 1])
      }
      run = { try sumOfPlaces(events, w1Predicate) }
    } else {
      let structures = unsafe values.assumingMemoryBound(to: bench_w3_values.self)
      let events = (0..<Workload.count).map { index in
        unsafe W3Values(
          severity: structures[index].severity, domain: string(structures[index].domain),
          kind: string(structures[index].kind))
      }
      run = { try sumOfPlaces(events, w3Predicate) }
    }
  }

  deinit { unsafe free(values) }

  func runNative() -> UInt64 {
    unsafe bench_run_native(native, values, stride, Workload.count - 1, PredicatePeer.operations)
  }
}

private func sumOfPlaces<Event>(_ events: [Event], _ predicate: Predicate<Event>) throws -> UInt64 {
  var sum: UInt64 = 0
  for (place, event) in events.enumerated() where try predicate.evaluate(event) {
    sum &+= UInt64(place)
  }
  return sum
}

private func string(_ word: hf_word) -> String {
  unsafe String(
    decoding: UnsafeRawBufferPointer(start: word.bytes, count: word.length_bytes),
    as: UTF8.self)
}
