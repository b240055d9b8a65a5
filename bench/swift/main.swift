// What the Swift binding adds to a C evaluation: the same condition over the same values, through
// `Condition.evaluate` and through the C function, in turns, medians of 41.

import CHoldfast
import Holdfast

enum SetUpFailed: Error { case status(hf_status) }

func require(_ status: hf_status) throws {
  if status != HF_OK { throw SetUpFailed.status(status) }
}

let operations = 1 << 18
let repetitions = 41
let text = "severity >= 0.8 and recurrence_count >= 2"

let condition = try Condition(text)
var context = try Context()
try context.set(number: 0.9, at: 0)
try context.set(number: 3, at: 1)

var cCondition: OpaquePointer?
var cContext: OpaquePointer?
let bytes = text.utf8.map { CChar(bitPattern: $0) }
try require(
  unsafe hf_condition_compile(hf_schema_classic(), bytes, bytes.count, nil, &cCondition, nil))
try require(unsafe hf_context_create(hf_schema_classic(), nil, &cContext))
guard let cCondition = unsafe cCondition, let cContext = unsafe cContext else {
  throw SetUpFailed.status(HF_ERROR_OUT_OF_MEMORY)
}
try require(unsafe hf_context_set_number(cContext, 0, 0.9))
try require(unsafe hf_context_set_number(cContext, 1, 3))

func throughSwift(_ condition: Condition, _ context: borrowing Context) throws -> Int {
  var held = 0
  for _ in 0..<operations where try condition.evaluate(context) { held += 1 }
  return held
}

func throughC(_ condition: OpaquePointer, _ context: OpaquePointer) throws -> Int {
  var held = 0
  for _ in 0..<operations {
    var answer = false
    try require(unsafe hf_condition_evaluate(condition, context, &answer, nil))
    if answer { held += 1 }
  }
  return held
}

func nanoseconds(_ body: () throws -> Int) rethrows -> Double {
  let clock = ContinuousClock()
  let start = clock.now
  let held = try body()
  let elapsed = start.duration(to: clock.now)
  precondition(held == operations)
  return Double(elapsed.components.attoseconds) * 1e-9 / Double(operations)
}

var swiftTimes: [Double] = []
var cTimes: [Double] = []
for _ in 0..<repetitions {
  swiftTimes.append(try nanoseconds { try throughSwift(condition, context) })
  cTimes.append(try nanoseconds { unsafe try throughC(cCondition, cContext) })
}
swiftTimes.sort()
cTimes.sort()

func rounded(_ value: Double) -> Double { Double(Int(value * 100)) / 100 }
let swiftMedian = swiftTimes[repetitions / 2]
let cMedian = cTimes[repetitions / 2]
print("condition/swift/W1/steady   \(rounded(swiftMedian)) ns")
print("condition/W1/steady through C   \(rounded(cMedian)) ns")
print("the binding adds   \(rounded(swiftMedian - cMedian)) ns")

unsafe hf_context_destroy(cContext)
unsafe hf_condition_destroy(cCondition)
