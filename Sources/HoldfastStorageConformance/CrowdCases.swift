import Holdfast

/// Many tasks at once.
let crowdCases: [StorageConformance.Case] = [
  .init("of many who set if absent one does") { trial in
    for round in 0..<20 {
      let key = trial.key("\(round)")
      let winners = try await trial.crowd(of: 16) { number in
        try await trial.storage.setIfAbsent(key, to: [UInt8(number)], expire: nil)
      }
      let winner = winners.filter(\.result)
      try expect(winner.count, 1, "round \(round)")
      try expect(try await trial.storage.get(key), [UInt8(winner[0].number)], "round \(round)")
    }
  },
  .init("of many who swap the same value one does") { trial in
    let key = trial.key("a")
    try await trial.storage.set(key, to: "start".bytes, expire: nil)
    var present = "start".bytes
    for round in 0..<20 {
      let expected = present
      let winner = try await trial.crowd(of: 16) { number in
        try await trial.storage.compareAndSwap(
          key, from: expected, to: "\(round) \(number)".bytes, expire: nil)
      }.filter(\.result)
      try expect(winner.count, 1, "round \(round)")
      present = "\(round) \(winner[0].number)".bytes
      try expect(try await trial.storage.get(key), present, "round \(round)")
    }
  },
  .init("what many add sums up, and each sum comes once") { trial in
    let key = trial.key("n")
    let sums = try await trial.crowd(of: 16) { _ in
      var sums: [Int64] = []
      for _ in 0..<50 { sums.append(try await trial.storage.increment(key, by: 1)) }
      return sums
    }
    for (number, own) in sums {
      try expect(own == own.sorted(), "the sums of task \(number) went back")
    }
    try expect(sums.flatMap(\.result).sorted(), Array(1...800))
    try expect(try await trial.storage.get(key), "800".bytes)
  },
  .init("many who swap in a loop count right") { trial in
    let key = trial.key("n")
    try await trial.storage.set(key, to: "0".bytes, expire: nil)
    _ = try await trial.crowd(of: 8) { _ in
      for _ in 0..<10 {
        while true {
          guard let present = try await trial.storage.get(key),
            let number = Int(String(decoding: present, as: UTF8.self))
          else { throw StorageConformance.Failure(message: "gone", file: #fileID, line: #line) }
          if try await trial.storage.compareAndSwap(
            key, from: present, to: "\(number + 1)".bytes, expire: nil)
          {
            break
          }
        }
      }
    }
    try expect(try await trial.storage.get(key), "80".bytes)
  },
  .init("what many delete one deletes") { trial in
    for round in 0..<20 {
      try await trial.storage.set(trial.key("a"), to: [], expire: nil)
      let winners = try await trial.crowd(of: 16) { _ in
        try await trial.storage.delete(trial.key("a"))
      }
      try expect(winners.count { $0.result }, 1, "round \(round)")
    }
  },
  .init("fields that many set are all there, and each is new once") { trial in
    let fresh = try await trial.crowd(of: 16) { number in
      var fresh = 0
      for field in 0..<20 {
        fresh += try await trial.storage.hset(
          trial.key("h"), ["shared \(field)": [], "\(number) \(field)": []])
      }
      return fresh
    }
    try expect(fresh.reduce(0) { $0 + $1.result }, 16 * 20 + 20)
    try expect(try await trial.storage.hgetAll(trial.key("h")).count, 16 * 20 + 20)
  },
  .init("what many publish all comes, and in order for each") { trial in
    let channel = trial.key("c")
    let subscription = try await trial.storage.subscribe(to: [channel])
    _ = try await trial.crowd(of: 8) { task in
      for number in 0..<50 {
        try await trial.storage.publish([UInt8(task), UInt8(number)], to: channel)
      }
    }
    var next = [UInt8](repeating: 0, count: 8)
    var reader = subscription.makeAsyncIterator()
    for _ in 0..<400 {
      guard let payload = try await reader.next()?.payload, payload.count == 2, payload[0] < 8
      else { throw StorageConformance.Failure(message: "ended", file: #fileID, line: #line) }
      try expect(payload[1], next[Int(payload[0])], "task \(payload[0])")
      next[Int(payload[0])] += 1
    }
    subscription.cancel()
  },
]

extension Trial {
  /// What some tasks, all at once, come to.
  func crowd<Result: Sendable>(
    of count: Int, _ body: @escaping @Sendable (Int) async throws -> Result
  ) async throws -> [(number: Int, result: Result)] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
      for number in 0..<count { group.addTask { (number, try await body(number)) } }
      var results: [(number: Int, result: Result)] = []
      for try await result in group { results.append(result) }
      return results
    }
  }
}
