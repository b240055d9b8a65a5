import Holdfast

/// Values as they are set, found and deleted.
let valueCases: [StorageConformance.Case] = [
  .init("a key that was not set has no value") { trial in
    let key = trial.key("a")
    try expect(try await trial.storage.get(key), nil)
    try expect(try await trial.storage.exists(key), false)
    try expect(try await trial.storage.ttl(key), .absent)
    try expect(try await trial.storage.delete(key), false)
  },
  .init("a value comes back as it was set") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: "one".bytes, expire: nil)
    try expect(try await trial.storage.get(key), "one".bytes)
    try expect(try await trial.storage.exists(key), true)
    try expect(try await trial.storage.ttl(key), .none)
    try await trial.storage.set(key, to: "two".bytes, expire: nil)
    try expect(try await trial.storage.get(key), "two".bytes)
  },
  .init("a value is any bytes") { trial in
    let key = trial.key("a")
    let all = (0...255).map { UInt8($0) }
    for value in [all, [0], [13, 10], "$-1\r\n".bytes, [255, 254, 0, 0], all + all.reversed()] {
      try await trial.storage.set(key, to: value, expire: nil)
      try expect(try await trial.storage.get(key), value)
    }
  },
  .init("a value may be long") { trial in
    let value = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    try await trial.storage.set(trial.key("a"), to: value, expire: nil)
    let back = try await trial.storage.get(trial.key("a"))
    try expect(back == value, "1,000,003 bytes came back as \(back?.count ?? -1), or others")
  },
  .init("an empty value is there") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: [], expire: nil)
    try expect(try await trial.storage.get(key), [])
    try expect(try await trial.storage.exists(key), true)
    try expect(try await trial.storage.getMany([key]), [[]])
    try expect(try await trial.storage.delete(key), true)
    try expect(try await trial.storage.get(key), nil)
  },
  .init("a text that looks like a number or JSON stays that text") { trial in
    for text in ["123", "true", "null", "{\"a\":1}", "\"x\"", " 1 ", "1.50"] {
      try await trial.storage.set(trial.key("a"), to: text.bytes, expire: nil)
      try expect(try await trial.storage.get(trial.key("a")), text.bytes)
    }
  },
  .init("a key is any text") { trial in
    let names = [
      "", " ", "a b", "a\r\nb", "\0", "a\0b", "é", "日本語", "👩‍👩‍👧", "*", "[a]", "\\", "\"", "%d",
      String(repeating: "k", count: 5000),
    ]
    for (number, name) in names.enumerated() {
      try await trial.storage.set(trial.key(name), to: "\(number)".bytes, expire: nil)
    }
    for (number, name) in names.enumerated() {
      try expect(try await trial.storage.get(trial.key(name)), "\(number)".bytes, "key \(number)")
    }
  },
  .init("keys are told apart by their bytes") { trial in
    let (one, other) = (trial.key("\u{E9}"), trial.key("e\u{301}"))
    try await trial.storage.set(one, to: "one".bytes, expire: nil)
    try expect(try await trial.storage.exists(other), false)
    try await trial.storage.set(other, to: "other".bytes, expire: nil)
    try expect(try await trial.storage.get(one), "one".bytes)
    try expect(try await trial.storage.get(other), "other".bytes)
    try expect(try await trial.storage.delete(one), true)
    try expect(try await trial.storage.get(other), "other".bytes)
  },
  .init("deleting says whether it was there") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: "one".bytes, expire: nil)
    try expect(try await trial.storage.delete(key), true)
    try expect(try await trial.storage.delete(key), false)
    try await trial.storage.hset(key, ["f": []])
    try expect(try await trial.storage.delete(key), true)
    try expect(try await trial.storage.exists(key), false)
  },
  .init("setting if absent sets once") { trial in
    let key = trial.key("a")
    try expect(try await trial.storage.setIfAbsent(key, to: "one".bytes, expire: nil), true)
    try expect(try await trial.storage.setIfAbsent(key, to: "two".bytes, expire: nil), false)
    try expect(try await trial.storage.get(key), "one".bytes)
    try await trial.storage.delete(key)
    try expect(try await trial.storage.setIfAbsent(key, to: [], expire: nil), true)
    try expect(
      try await trial.storage.setIfAbsent(key, to: "two".bytes, expire: nil), false,
      "an empty value is there")
    let hash = trial.key("h")
    try await trial.storage.hset(hash, ["f": []])
    try expect(try await trial.storage.setIfAbsent(hash, to: [], expire: nil), false)
    try expect(try await trial.storage.hget(hash, "f"), [])
  },
  .init("what was not set if absent leaves the TTL alone") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: "one".bytes, expire: nil)
    try expect(
      try await trial.storage.setIfAbsent(key, to: "two".bytes, expire: .seconds(9)), false)
    try expect(try await trial.storage.ttl(key), .none)
  },
  .init("many are set and read in their order") { trial in
    let keys = (0..<300).map { trial.key("\($0)") }
    let values = Dictionary(uniqueKeysWithValues: keys.map { ($0, $0.bytes) })
    try await trial.storage.setMany(values, expire: nil)
    try expect(try await trial.storage.getMany(keys), keys.map { $0.bytes })
    try expect(try await trial.storage.getMany(keys.reversed()), keys.reversed().map { $0.bytes })
    try expect(try await trial.storage.ttl(keys[7]), .none)
  },
  .init("of many those that are not there or hold fields have no value") { trial in
    let (one, hash, none) = (trial.key("1"), trial.key("h"), trial.key("-"))
    try await trial.storage.set(one, to: "one".bytes, expire: nil)
    try await trial.storage.hset(hash, ["f": "v".bytes])
    try expect(
      try await trial.storage.getMany([none, one, hash, one]),
      [nil, "one".bytes, nil, "one".bytes])
  },
  .init("many may be none") { trial in
    try expect(try await trial.storage.getMany([]), [])
    try await trial.storage.setMany([:], expire: nil)
    try await trial.storage.setMany([:], expire: .seconds(9))
    try await expect(.invalidArgument) {
      try await trial.storage.setMany([:], expire: .zero)
    }
  },
  .init("setting many replaces what was there, and its TTL") { trial in
    let (one, hash) = (trial.key("1"), trial.key("h"))
    try await trial.storage.set(one, to: "one".bytes, expire: .seconds(100))
    try await trial.storage.hset(hash, ["f": "v".bytes])
    try await trial.storage.setMany([one: "two".bytes, hash: []], expire: nil)
    try expect(try await trial.storage.getMany([one, hash]), ["two".bytes, []])
    try expect(try await trial.storage.ttl(one), .none)
  },
]
