import Holdfast

/// TTLs.
let timeCases: [StorageConformance.Case] = [
  .init("a key is gone when its TTL is over, and not before") { trial in
    let (short, long) = (trial.key("short"), trial.key("long"))
    try await trial.storage.set(short, to: "s".bytes, expire: .milliseconds(60))
    try await trial.storage.set(long, to: "l".bytes, expire: .seconds(600))
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.get(short), nil)
    try expect(try await trial.storage.exists(short), false)
    try expect(try await trial.storage.ttl(short), .absent)
    try expect(try await trial.storage.getMany([short, long]), [nil, "l".bytes])
    try expect(try await trial.storage.exists(long), true)
  },
  .init("what was there before its TTL was over is not there for anybody after") { trial in
    // Each operation is the first to look at its key.
    let storage = trial.storage
    for name in ["delete", "expire", "absent", "swap", "add", "hset", "hdel", "all"] {
      try await storage.set(trial.key(name), to: "5".bytes, expire: .milliseconds(60))
    }
    try await storage.hset(trial.key("fields"), ["f": "v".bytes])
    try await storage.expire(trial.key("fields"), after: .milliseconds(60))
    try await trial.advance(.milliseconds(60))
    try expect(try await storage.delete(trial.key("delete")), false)
    try expect(try await storage.expire(trial.key("expire"), after: .seconds(9)), false)
    try expect(try await storage.exists(trial.key("expire")), false)
    try expect(try await storage.setIfAbsent(trial.key("absent"), to: [], expire: nil), true)
    try expect(
      try await storage.compareAndSwap(
        trial.key("swap"), from: "5".bytes, to: "6".bytes, expire: nil), false)
    try expect(
      try await storage.compareAndSwap(trial.key("swap"), from: nil, to: "6".bytes, expire: nil),
      true)
    try expect(try await storage.increment(trial.key("add"), by: 1), 1)
    try expect(try await storage.ttl(trial.key("add")), .none)
    try expect(try await storage.hset(trial.key("hset"), ["f": []]), 1)
    try expect(try await storage.hdel(trial.key("hdel"), ["f"]), 0)
    try expect(try await storage.hgetAll(trial.key("all")), [:])
    try expect(try await storage.hget(trial.key("fields"), "f"), nil)
  },
  .init("a key whose TTL is over is in no scan") { trial in
    try await trial.storage.set(trial.key("short"), to: [], expire: .milliseconds(60))
    try await trial.storage.set(trial.key("long"), to: [], expire: .seconds(600))
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.scan(.prefix(trial.prefix)), [trial.key("long")])
  },
  .init("the TTL that is left is no more than was given, and not nothing") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: [], expire: .seconds(600))
    try await trial.expectLeft(key, atMost: .seconds(600), atLeast: .seconds(500))
    try await trial.advance(.milliseconds(50))
    try await trial.expectLeft(key, atMost: .milliseconds(599_950), atLeast: .seconds(500))
  },
  .init("a TTL is rounded up to whole milliseconds") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: "v".bytes, expire: .nanoseconds(1))
    try await trial.advance(.milliseconds(1))
    try expect(try await trial.storage.get(key), nil)
    try await trial.storage.set(key, to: [], expire: .seconds(600) + .nanoseconds(1))
    guard case .left(let left) = try await trial.storage.ttl(key) else {
      throw StorageConformance.Failure(message: "no TTL", file: #fileID, line: #line)
    }
    try expect(
      left.components.attoseconds % 1_000_000_000_000_000, 0, "a TTL that is no whole milliseconds")
  },
  .init("a TTL is above zero and at most the longest") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    let longest = StorageLimits.longestTTL
    for bad in [
      Duration.zero, .nanoseconds(-1), .seconds(-1), longest + .nanoseconds(1), .seconds(Int64.max),
    ] {
      let what = "\(bad)"
      try await expect(.invalidArgument, what) { try await storage.set(key, to: [], expire: bad) }
      try await expect(.invalidArgument, what) {
        _ = try await storage.setIfAbsent(key, to: [], expire: bad)
      }
      try await expect(.invalidArgument, what) {
        try await storage.setMany([key: []], expire: bad)
      }
      try await expect(.invalidArgument, what) {
        _ = try await storage.compareAndSwap(key, from: nil, to: [], expire: bad)
      }
    }
    try expect(try await storage.exists(key), false)
    try await storage.set(key, to: [], expire: longest)
    try await trial.expectLeft(key, atMost: longest, atLeast: longest - .seconds(60))
    try await expect(.invalidArgument) {
      _ = try await storage.expire(key, after: longest + .nanoseconds(1))
    }
    try await trial.expectLeft(key, atMost: longest, atLeast: longest - .seconds(60))
  },
  .init("setting without a TTL takes the old one away") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: "one".bytes, expire: .milliseconds(60))
    try await trial.storage.set(key, to: "two".bytes, expire: nil)
    try expect(try await trial.storage.ttl(key), .none)
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.get(key), "two".bytes)
  },
  .init("a longer TTL replaces a shorter one, and a shorter one a longer") { trial in
    let (longer, shorter) = (trial.key("longer"), trial.key("shorter"))
    try await trial.storage.set(longer, to: [], expire: .milliseconds(60))
    try await trial.storage.set(longer, to: [], expire: .seconds(600))
    try await trial.storage.set(shorter, to: [], expire: .seconds(600))
    try await trial.storage.set(shorter, to: [], expire: .milliseconds(60))
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.exists(longer), true)
    try expect(try await trial.storage.exists(shorter), false)
  },
  .init("many are set with a TTL") { trial in
    let keys = ["a", "b"].map(trial.key)
    try await trial.storage.setMany(
      [keys[0]: [], keys[1]: []], expire: .milliseconds(60))
    try await trial.expectLeft(keys[1], atMost: .milliseconds(60), atLeast: .milliseconds(1))
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.getMany(keys), [nil, nil])
  },
  .init("setting if absent sets a TTL") { trial in
    let key = trial.key("a")
    try expect(
      try await trial.storage.setIfAbsent(key, to: "1".bytes, expire: .milliseconds(60)), true)
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.get(key), nil)
    try expect(try await trial.storage.setIfAbsent(key, to: "2".bytes, expire: nil), true)
  },
  .init("expire gives another TTL, or none, or deletes") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try expect(try await storage.expire(key, after: .seconds(9)), false)
    try expect(try await storage.expire(key, after: nil), false)
    try expect(try await storage.expire(key, after: .zero), false)
    try await storage.set(key, to: "v".bytes, expire: nil)
    try expect(try await storage.expire(key, after: .seconds(600)), true)
    try await trial.expectLeft(key, atMost: .seconds(600), atLeast: .seconds(500))
    try expect(try await storage.get(key), "v".bytes)
    try expect(try await storage.expire(key, after: nil), true)
    try expect(try await storage.ttl(key), .none)
    try expect(try await storage.expire(key, after: nil), true, "it has no TTL, but is there")
    try expect(try await storage.expire(key, after: .milliseconds(60)), true)
    try await trial.advance(.milliseconds(60))
    try expect(try await storage.get(key), nil)
  },
  .init("a TTL of nothing or less deletes") { trial in
    for ttl in [Duration.zero, .nanoseconds(-1), .seconds(-1), .seconds(Int64.min)] {
      try await trial.storage.set(trial.key("a"), to: "v".bytes, expire: nil)
      try expect(try await trial.storage.expire(trial.key("a"), after: ttl), true, "\(ttl)")
      try expect(try await trial.storage.exists(trial.key("a")), false, "\(ttl)")
    }
  },
  .init("fields have the TTL of their key") { trial in
    let key = trial.key("h")
    try await trial.storage.hset(key, ["f": "v".bytes])
    try expect(try await trial.storage.ttl(key), .none)
    try expect(try await trial.storage.expire(key, after: .seconds(600)), true)
    try await trial.storage.hset(key, ["g": "v".bytes])
    try await trial.expectLeft(key, atMost: .seconds(600), atLeast: .seconds(500))
    try await trial.storage.expire(key, after: .milliseconds(60))
    try await trial.advance(.milliseconds(60))
    try expect(try await trial.storage.hgetAll(key), [:])
    try expect(try await trial.storage.exists(key), false)
  },
]

extension Trial {
  /// Throws unless a key has so much TTL left.
  func expectLeft(
    _ key: String, atMost most: Duration, atLeast least: Duration, file: StaticString = #fileID,
    line: Int = #line
  ) async throws {
    let answer = try await storage.ttl(key)
    guard case .left(let left) = answer, left >= least, left <= most else {
      throw StorageConformance.Failure(
        message: "answered \(answer), not \(least) to \(most)", file: "\(file)", line: line)
    }
  }

  /// The keys that a scan finds, sorted by their bytes. Throws if one comes twice.
  func scan(
    _ pattern: StoragePattern, file: StaticString = #fileID, line: Int = #line
  ) async throws -> [String] {
    var keys: [String] = []
    for try await key in storage.scan(pattern) { keys.append(key) }
    keys.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for (one, next) in zip(keys, keys.dropFirst()) where one.utf8.elementsEqual(next.utf8) {
      throw StorageConformance.Failure(
        message: "the key '\(one)' came twice", file: "\(file)", line: line)
    }
    return keys
  }
}
