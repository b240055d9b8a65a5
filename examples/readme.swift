import Holdfast

let schema = try Schema(["cpu_percent": .number, "region": .string])
let hot = try Condition("cpu_percent > 90 and region == 'eu'", schema: schema)
print(try hot.evaluate(["cpu_percent": 97.5, "region": "eu"]))  // prints: true

// Kept and refilled, a context is evaluated without allocation.
var context = try Context(schema: schema)
try context.set(string: "eu", at: 1)
for cpu in [45.0, 97.5] {
  try context.set(number: cpu, at: 0)
  print(cpu, try hot.evaluate(context))
}
// prints: 45.0 false
// prints: 97.5 true
