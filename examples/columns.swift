import Holdfast

let schema = try Schema([
  "severity": .number, "recurrence_count": .number, "domain": .string,
])
let urgent = try Condition(
  "severity >= 0.8 and recurrence_count >= 2 and domain == 'billing'", schema: schema)

let severity = [0.9, 0.5, 0.8, 1.0]
let recurrence: [Float] = [3, 7, 2, 0]
let known = [true, true, true, false]
let domain: [Int32] = [0, 1, 0, 0]

var columns = try Columns(schema: schema, count: severity.count)
try columns.set(severity, for: "severity")
try columns.set(recurrence, valid: Bitmap(known), for: "recurrence_count")
try columns.set(codes: domain, dictionary: ["billing", "search"], for: "domain")

let answers = try urgent.evaluate(columns)
print(answers.heldCount, "held,", answers.failedCount, "failed")  // prints: 2 held, 1 failed
for row in answers.held.trueIndices {
  print("row", row)
}
// prints: row 0
// prints: row 2
for row in answers.failed.trueIndices {
  print(try urgent.explain(columns, row: row).outcome)  // prints: missing_variable
}

// The fields of structures are columns too.
struct Event {
  var severity: Double
  var recurrence: Float
}
let events = [Event(severity: 0.9, recurrence: 3), Event(severity: 0.1, recurrence: 0)]
var fields = try Columns(schema: schema, count: events.count)
try fields.set(events, \.severity, for: "severity")
try fields.set(events, \.recurrence, for: "recurrence_count")
let often = try Condition("severity > 0.5 and recurrence_count > 2", schema: schema)
print(try often.counts(in: fields).held)  // prints: 1
