import Holdfast

/// Fields of hashes.
let hashCases: [StorageConformance.Case] = [
  .init("fields are set, found and deleted") { trial in
    let storage = trial.storage
    let key = trial.key("h")
    try expect(try await storage.hgetAll(key), [:])
    try expect(try await storage.hget(key, "a"), nil)
    try expect(try await storage.hdel(key, ["a"]), 0)
    try expect(try await storage.hset(key, ["a": "1".bytes, "b": "2".bytes]), 2)
    try expect(try await storage.hset(key, ["b": "3".bytes, "c": "4".bytes]), 1)
    try expect(try await storage.hset(key, ["b": "3".bytes]), 0)
    try expect(
      try await storage.hgetAll(key), ["a": "1".bytes, "b": "3".bytes, "c": "4".bytes])
    try expect(try await storage.hget(key, "b"), "3".bytes)
    try expect(try await storage.hget(key, "d"), nil)
    try expect(try await storage.hdel(key, ["a", "d", "c"]), 2)
    try expect(try await storage.hgetAll(key), ["b": "3".bytes])
    try expect(try await storage.exists(key), true)
  },
  .init("a hash ends with its last field") { trial in
    let storage = trial.storage
    let key = trial.key("h")
    try await storage.hset(key, ["a": [], "b": []])
    try await storage.expire(key, after: .seconds(600))
    try expect(try await storage.hdel(key, ["a", "b"]), 2)
    try expect(try await storage.exists(key), false)
    try await storage.set(key, to: "v".bytes, expire: nil)
    try expect(try await storage.get(key), "v".bytes)
    try await storage.delete(key)
    try await storage.hset(key, ["a": []])
    try expect(try await storage.ttl(key), .none)
  },
  .init("a field counts once when it is deleted") { trial in
    try await trial.storage.hset(trial.key("h"), ["a": [], "b": []])
    try expect(try await trial.storage.hdel(trial.key("h"), ["a", "a"]), 1)
    try expect(try await trial.storage.hdel(trial.key("h"), []), 0)
    try expect(try await trial.storage.hgetAll(trial.key("h")), ["b": []])
  },
  .init("setting no field is refused") { trial in
    let storage = trial.storage
    try await expect(.invalidArgument) { _ = try await storage.hset(trial.key("h"), [:]) }
    try expect(try await storage.exists(trial.key("h")), false)
  },
  .init("fields and their values are any text and any bytes") { trial in
    let all = (0...255).map { UInt8($0) }
    let fields = [
      "": [], " ": all, "a\r\nb": [0], "é": "é".bytes, "\0": [13, 10], "日本": all + all,
    ]
    try expect(try await trial.storage.hset(trial.key("h"), fields), fields.count)
    try expect(try await trial.storage.hgetAll(trial.key("h")), fields)
    for (field, value) in fields {
      try expect(try await trial.storage.hget(trial.key("h"), field), value)
    }
  },
  .init("a hash may have many fields") { trial in
    let fields = Dictionary(uniqueKeysWithValues: (0..<2000).map { ("f\($0)", "\($0)".bytes) })
    try expect(try await trial.storage.hset(trial.key("h"), fields), 2000)
    try expect(try await trial.storage.hgetAll(trial.key("h")) == fields, true)
    try expect(try await trial.storage.hdel(trial.key("h"), Array(fields.keys)), 2000)
    try expect(try await trial.storage.exists(trial.key("h")), false)
  },
]
