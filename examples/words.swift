import Holdfast

let schema = try Schema(
  ["severity": .number, "domain": .string], words: ["billing", "search"])
let urgent = try Condition("severity >= 0.8 and domain == 'billing'", schema: schema)

var context = try Context(schema: schema)
try context.set(number: 0.9, at: 0)
try context.set(string: "billing", at: 1)  // recognised here
print(try urgent.evaluate(context))  // prints: true

// Looked up once, a word is set as quickly as a number.
if let search = schema.word("search") {
  try context.set(word: search, at: 1)
  print(try urgent.evaluate(context))  // prints: false
}
