import Holdfast

/// Numbers that are added to.
let numberCases: [StorageConformance.Case] = [
  .init("a number begins with 0 and is read as digits") { trial in
    let storage = trial.storage
    let key = trial.key("n")
    try expect(try await storage.increment(key, by: 1), 1)
    try expect(try await storage.get(key), "1".bytes)
    try expect(try await storage.increment(key, by: 41), 42)
    try expect(try await storage.increment(key, by: -50), -8)
    try expect(try await storage.increment(key, by: 0), -8)
    try expect(try await storage.get(key), "-8".bytes)
    try expect(try await storage.exists(key), true)
    try expect(try await storage.increment(trial.key("zero"), by: 0), 0)
    try expect(try await storage.get(trial.key("zero")), "0".bytes)
  },
  .init("a value of digits is added to") { trial in
    for (text, sum) in [("0", 1), ("10", 11), ("-1", 0), ("-10", -9)] {
      try await trial.storage.set(trial.key("n"), to: text.bytes, expire: nil)
      try expect(try await trial.storage.increment(trial.key("n"), by: 1), Int64(sum))
    }
  },
  .init("what is no number stays as it is") { trial in
    let storage = trial.storage
    let key = trial.key("n")
    for text in [
      "", " ", "x", "1x", "x1", " 1", "1 ", "+1", "01", "-0", "-01", "--1", "-", "1.0", "1e3",
      "0x1",
      "9223372036854775808", "-9223372036854775809", "99999999999999999999", "1\0", "١",
    ] {
      try await storage.set(key, to: text.bytes, expire: .seconds(600))
      try await expect(.notAnInteger, "'\(text)'") { _ = try await storage.increment(key, by: 1) }
      try expect(try await storage.get(key), text.bytes)
    }
    try await trial.expectLeft(key, atMost: .seconds(600), atLeast: .seconds(500))
  },
  .init("a sum beyond 64 bits is refused") { trial in
    let storage = trial.storage
    let key = trial.key("n")
    try expect(try await storage.increment(key, by: .max), .max)
    for amount in [1, Int64.max] {
      try await expect(.overflow) { _ = try await storage.increment(key, by: amount) }
      try expect(try await storage.get(key), "9223372036854775807".bytes)
    }
    try expect(try await storage.increment(key, by: .min), -1)
    try await storage.set(key, to: "-9223372036854775808".bytes, expire: nil)
    for amount in [-1, Int64.min] {
      try await expect(.overflow) { _ = try await storage.increment(key, by: amount) }
      try expect(try await storage.get(key), "-9223372036854775808".bytes)
    }
    try expect(try await storage.increment(key, by: .max), -1)
    try expect(try await storage.increment(trial.key("least"), by: .min), .min)
  },
  .init("adding leaves the TTL") { trial in
    let key = trial.key("n")
    try await trial.storage.set(key, to: "1".bytes, expire: .seconds(600))
    try await trial.storage.increment(key, by: 1)
    try await trial.expectLeft(key, atMost: .seconds(600), atLeast: .seconds(500))
    try await trial.storage.expire(key, after: .milliseconds(60))
    try await trial.storage.increment(key, by: 1)
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.increment(key, by: 1), 1)
    try expect(try await trial.storage.ttl(key), .none)
  },
]
