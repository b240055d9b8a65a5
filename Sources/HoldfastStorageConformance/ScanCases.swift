import Holdfast

/// Scans.
let scanCases: [StorageConformance.Case] = [
  .init("a scan finds every key once") { trial in
    let keys = (0..<2500).map { trial.key("k:\($0)") }
    try await trial.storage.setMany(
      Dictionary(uniqueKeysWithValues: keys.map { ($0, []) }), expire: nil)
    try await trial.storage.hset(trial.key("k:hash"), ["f": []])
    let found = try await trial.scan(.prefix(trial.key("k:")))
    try expect(found.count, 2501)
    try expect(Set(found) == Set(keys + [trial.key("k:hash")]), "other keys than were set")
  },
  .init("a scan of nothing ends") { trial in
    try expect(try await trial.scan(.prefix(trial.key("none"))), [])
  },
  .init("a scan finds what its pattern matches") { trial in
    let names = ["a", "ab", "abc", "b", "*", "a*", "[a]", "a-c", "é", "\\", "a\\b", "?"]
    for name in names { try await trial.storage.set(trial.key(name), to: [], expire: nil) }
    let own = StoragePattern.escaped(trial.prefix)
    for (glob, matching) in [
      ("*", names), ("a", ["a"]), ("a*", ["a", "ab", "abc", "a*", "a-c", "a\\b"]),
      ("*b", ["ab", "b", "a\\b"]),
      ("?", ["a", "b", "*", "\\", "?"]), ("??", ["ab", "a*", "é"]), ("[ab]", ["a", "b"]),
      ("[^ab]", ["*", "\\", "?"]), ("[a-b]*", ["a", "ab", "abc", "b", "a*", "a-c", "a\\b"]),
      ("\\*", ["*"]),
      ("a\\*", ["a*"]), ("\\[a\\]", ["[a]"]), ("*c*", ["abc", "a-c"]), ("\\\\", ["\\"]), ("x*", []),
    ] {
      let found = try await trial.scan(StoragePattern(glob: own + glob))
      try expect(Set(found), Set(matching.map(trial.key)), "pattern '\(glob)'")
    }
  },
  .init("a prefix is taken by the letter") { trial in
    let names = ["a*b:1", "a*b:2", "axb:1", "[a]:1", "a:1", "\\:1", "q?:1", "qx:1", "^-:1"]
    for name in names { try await trial.storage.set(trial.key(name), to: [], expire: nil) }
    for prefix in ["a*b:", "[a]:", "\\:", "q?:", "^-:", "a:"] {
      let found = try await trial.scan(.prefix(trial.key(prefix)))
      try expect(found, names.filter { $0.hasPrefix(prefix) }.map(trial.key), "prefix '\(prefix)'")
    }
  },
  .init("a scan tells keys apart by their bytes") { trial in
    let keys = ["e\u{301}", "\u{E9}"].map(trial.key)
    for key in keys { try await trial.storage.set(key, to: [], expire: nil) }
    let found = try await trial.scan(.prefix(trial.prefix))
    try expect(found.map(\.bytes), keys.map(\.bytes))
  },
  .init("a scan finds what stays while keys come and go") { trial in
    let stay = Set((0..<1200).map { trial.key("stay:\($0)") })
    let go = (0..<1200).map { trial.key("go:\($0)") }
    try await trial.storage.setMany(
      Dictionary(uniqueKeysWithValues: (stay + go).map { ($0, []) }), expire: nil)
    var seen: Set<String> = []
    var step = 0
    for try await key in trial.storage.scan(.prefix(trial.prefix)) {
      try expect(seen.insert(key).inserted, "'\(key)' came twice")
      if step < go.count {
        try await trial.storage.delete(go[step])
        try await trial.storage.set(trial.key("come:\(step)"), to: [], expire: nil)
        if step % 100 == 0, let kept = stay.first {
          try await trial.storage.set(kept, to: [1], expire: nil)
        }
      }
      step += 1
    }
    try expect(
      seen.isSuperset(of: stay), "\(stay.subtracting(seen).count) keys that stay are missing")
  },
  .init("a scan ends although each key that it finds adds another") { trial in
    for number in 0..<50 {
      try await trial.storage.set(trial.key("\(number)"), to: [], expire: nil)
    }
    var count = 0
    for try await key in trial.storage.scan(.prefix(trial.prefix)) {
      count += 1
      // Somewhere it must end by itself; a server may find some of the new ones.
      try expect(count < 5000, "it goes on and on")
      if count < 4000 { try await trial.storage.set(key + "+", to: [], expire: nil) }
    }
    try expect(count >= 50, "found \(count) of 50")
  },
  .init("a scan may be left early, and begun again") { trial in
    let keys = (0..<600).map { trial.key("\($0)") }
    try await trial.storage.setMany(
      Dictionary(uniqueKeysWithValues: keys.map { ($0, []) }), expire: nil)
    let scan = trial.storage.scan(.prefix(trial.prefix))
    for try await _ in scan { break }
    var found: Set<String> = []
    for try await key in scan { found.insert(key) }
    try expect(found, Set(keys))
  },
]
