import Holdfast

let holds =
  try Condition("severity >= 0.8 and recurrence_count >= 2")
  .evaluate(["severity": 0.9, "recurrence_count": 3])
print(holds)  // prints: true
