import Holdfast

/// Publishing and subscribing.
let messageCases: [StorageConformance.Case] = [
  .init("a message without subscribers reaches nobody") { trial in
    try expect(try await trial.storage.publish("m".bytes, to: trial.key("c")), 0)
  },
  .init("messages come in order, with their channel, whatever is in them") { trial in
    let storage = trial.storage
    let channel = trial.key("c")
    let subscription = try await storage.subscribe(to: [channel])
    let payloads = [[], [0], [13, 10], "é".bytes] + (0..<200).map { "\($0)".bytes }
    for payload in payloads {
      try expect(try await storage.publish(payload, to: channel), 1)
    }
    var reader = subscription.makeAsyncIterator()
    for payload in payloads {
      try expect(
        try await reader.next(), StorageMessage(channel: channel, payload: payload))
    }
    try expect(subscription.losses, .init())
    subscription.cancel()
  },
  .init("a subscription hears its channels, and no other") { trial in
    let storage = trial.storage
    let (one, two, other) = (trial.key("1"), trial.key("2"), trial.key("3"))
    let subscription = try await storage.subscribe(to: [one, two, one])
    try expect(try await storage.publish("a".bytes, to: other), 0)
    try expect(try await storage.publish("b".bytes, to: two), 1)
    try expect(try await storage.publish("c".bytes, to: one), 1)
    try expect(try await storage.publish("d".bytes, to: two), 1)
    var reader = subscription.makeAsyncIterator()
    try expect(try await reader.next()?.payload, "b".bytes)
    try expect(try await reader.next()?.payload, "c".bytes)
    try expect(try await reader.next(), StorageMessage(channel: two, payload: "d".bytes))
    subscription.cancel()
  },
  .init("each subscription gets each message") { trial in
    let storage = trial.storage
    let channel = trial.key("c")
    let first = try await storage.subscribe(to: [channel])
    let second = try await storage.subscribe(to: [channel, trial.key("d")])
    for number in 0..<20 { try await storage.publish([UInt8(number)], to: channel) }
    for subscription in [first, second] {
      var reader = subscription.makeAsyncIterator()
      for number in 0..<20 { try expect(try await reader.next()?.payload, [UInt8(number)]) }
    }
    first.cancel()
    // The other one stays.
    try await storage.publish("last".bytes, to: channel)
    var reader = second.makeAsyncIterator()
    try expect(try await reader.next()?.payload, "last".bytes)
    second.cancel()
  },
  .init("a channel is no key") { trial in
    let subscription = try await trial.storage.subscribe(to: [trial.key("c")])
    try await trial.storage.publish("m".bytes, to: trial.key("c"))
    try expect(try await trial.storage.exists(trial.key("c")), false)
    subscription.cancel()
  },
  .init("a cancelled subscription ends, and hears no more") { trial in
    let storage = trial.storage
    let channel = trial.key("c")
    let subscription = try await storage.subscribe(to: [channel])
    try await storage.publish("m".bytes, to: channel)
    subscription.cancel()
    subscription.cancel()
    var reader = subscription.makeAsyncIterator()
    try expect(try await reader.next(), nil)
    try expect(try await reader.next(), nil)
    // The server hears of it soon.
    try await trial.expectNobody(on: channel)
  },
  .init("a subscription that nobody holds any more ends") { trial in
    let channel = trial.key("c")
    do {
      let subscription = try await trial.storage.subscribe(to: [channel])
      try expect(try await trial.storage.publish([], to: channel), 1)
      _ = subscription.losses
    }
    try await trial.expectNobody(on: channel)
  },
  .init("whoever waits for a message is told when it comes") { trial in
    let channel = trial.key("c")
    let subscription = try await trial.storage.subscribe(to: [channel])
    let waiting = Task {
      var reader = subscription.makeAsyncIterator()
      return try await reader.next()?.payload
    }
    await Task.yield()
    try await trial.storage.publish("m".bytes, to: channel)
    try expect(try await waiting.value, "m".bytes)
    subscription.cancel()
  },
  .init("whoever waits for a message may be cancelled, and the subscription stays") { trial in
    let channel = trial.key("c")
    let subscription = try await trial.storage.subscribe(to: [channel])
    let waiting = Task {
      var reader = subscription.makeAsyncIterator()
      return try await reader.next()
    }
    await Task.yield()
    waiting.cancel()
    try expect(try await waiting.value, nil)
    try await trial.storage.publish("m".bytes, to: channel)
    var reader = subscription.makeAsyncIterator()
    try expect(try await reader.next()?.payload, "m".bytes)
    subscription.cancel()
  },
  .init("subscribing to nothing is refused") { trial in
    try await expect(.invalidArgument) { _ = try await trial.storage.subscribe(to: []) }
  },
]

extension Trial {
  /// Throws if a channel is not left by all, sooner or later.
  func expectNobody(on channel: String, file: StaticString = #fileID, line: Int = #line)
    async throws
  {
    for _ in 0..<200 {
      if try await storage.publish("?".bytes, to: channel) == 0 { return }
      try await advance(.milliseconds(5))
      await Task.yield()
    }
    throw StorageConformance.Failure(
      message: "somebody is still subscribed", file: "\(file)", line: line)
  }
}
