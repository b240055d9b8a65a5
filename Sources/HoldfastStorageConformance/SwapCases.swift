import Holdfast

/// Compare and swap, and what is not for the kind of value that a key holds.
let swapCases: [StorageConformance.Case] = [
  .init("a value is swapped if it is the expected one") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try await storage.set(key, to: "one".bytes, expire: nil)
    for other in ["two".bytes, "on".bytes, "one ".bytes, []] {
      try expect(
        try await storage.compareAndSwap(key, from: other, to: "x".bytes, expire: nil), false)
      try expect(try await storage.get(key), "one".bytes)
    }
    try expect(
      try await storage.compareAndSwap(key, from: "one".bytes, to: "two".bytes, expire: nil), true)
    try expect(try await storage.get(key), "two".bytes)
    try expect(
      try await storage.compareAndSwap(key, from: "two".bytes, to: "two".bytes, expire: nil), true)
  },
  .init("nothing is swapped where nothing is expected") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try expect(try await storage.compareAndSwap(key, from: [], to: [1], expire: nil), false)
    try expect(try await storage.exists(key), false)
    try expect(try await storage.compareAndSwap(key, from: nil, to: nil, expire: nil), true)
    try expect(try await storage.exists(key), false)
    try expect(try await storage.compareAndSwap(key, from: nil, to: [], expire: nil), true)
    try expect(try await storage.get(key), [])
    try expect(
      try await storage.compareAndSwap(key, from: nil, to: [1], expire: nil), false,
      "an empty value is there")
    try expect(try await storage.compareAndSwap(key, from: nil, to: nil, expire: nil), false)
    try expect(try await storage.compareAndSwap(key, from: [], to: [1], expire: nil), true)
    try expect(try await storage.get(key), [1])
  },
  .init("a value is deleted if it is the expected one") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try await storage.set(key, to: [0, 1, 255], expire: nil)
    try expect(try await storage.compareAndSwap(key, from: [0, 1], to: nil, expire: nil), false)
    try expect(try await storage.exists(key), true)
    try expect(
      try await storage.compareAndSwap(key, from: [0, 1, 255], to: nil, expire: nil), true)
    try expect(try await storage.exists(key), false)
  },
  .init("swapping sets the TTL as setting does") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try await storage.set(key, to: "1".bytes, expire: .seconds(600))
    try expect(
      try await storage.compareAndSwap(key, from: "0".bytes, to: "2".bytes, expire: nil), false)
    try await trial.expectLeft(key, atMost: .seconds(600), atLeast: .seconds(500))
    try expect(
      try await storage.compareAndSwap(key, from: "1".bytes, to: "2".bytes, expire: nil), true)
    try expect(try await storage.ttl(key), .none)
    try expect(
      try await storage.compareAndSwap(
        key, from: "2".bytes, to: "3".bytes, expire: .milliseconds(60)), true)
    try await trial.advance(.milliseconds(60))
    try expect(try await storage.get(key), nil)
  },
  .init("what is meant for the other kind of value is refused") { trial in
    let storage = trial.storage
    let (value, hash) = (trial.key("v"), trial.key("h"))
    try await storage.set(value, to: "v".bytes, expire: nil)
    try await storage.hset(hash, ["f": "v".bytes])
    try await expect(.wrongType, "get") { _ = try await storage.get(hash) }
    try await expect(.wrongType, "increment") { _ = try await storage.increment(hash, by: 1) }
    for expected in [nil, "v".bytes] {
      try await expect(.wrongType, "swap") {
        _ = try await storage.compareAndSwap(hash, from: expected, to: [1], expire: nil)
      }
    }
    try await expect(.wrongType, "hset") { _ = try await storage.hset(value, ["f": []]) }
    try await expect(.wrongType, "hget") { _ = try await storage.hget(value, "f") }
    try await expect(.wrongType, "hgetAll") { _ = try await storage.hgetAll(value) }
    try await expect(.wrongType, "hdel") { _ = try await storage.hdel(value, ["f"]) }
    try expect(try await storage.get(value), "v".bytes)
    try expect(try await storage.hgetAll(hash), ["f": "v".bytes])
  },
  .init("setting replaces the other kind of value") { trial in
    let key = trial.key("a")
    try await trial.storage.hset(key, ["f": "v".bytes])
    try await trial.storage.set(key, to: "v".bytes, expire: nil)
    try expect(try await trial.storage.get(key), "v".bytes)
    try await trial.storage.delete(key)
    try expect(try await trial.storage.hset(key, ["g": []]), 1)
    try expect(try await trial.storage.hgetAll(key), ["g": []])
  },
]
