import Holdfast

/// Opening, closing, cancelling.
let lifeCases: [StorageConformance.Case] = [
  .init("connecting once more does no harm") { trial in
    try await trial.storage.set(trial.key("a"), to: "v".bytes, expire: nil)
    try await trial.storage.connect()
    try await trial.storage.connect()
    try expect(try await trial.storage.get(trial.key("a")), "v".bytes)
  },
  .init("a storage that is open is healthy") { trial in
    let health = await trial.storage.health()
    try expect(health.status, .healthy)
    try expect(health.reason, nil)
    try expect(health.latency != nil, "it has no latency")
  },
  .init("a closed storage does nothing until it is opened again") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try await storage.set(key, to: "v".bytes, expire: nil)
    await storage.close()
    await storage.close()
    try await expect(.notConnected, "get") { _ = try await storage.get(key) }
    try await expect(.notConnected, "set") { try await storage.set(key, to: [], expire: nil) }
    try await expect(.notConnected, "setIfAbsent") {
      _ = try await storage.setIfAbsent(key, to: [], expire: nil)
    }
    try await expect(.notConnected, "swap") {
      _ = try await storage.compareAndSwap(key, from: nil, to: [], expire: nil)
    }
    try await expect(.notConnected, "delete") { _ = try await storage.delete(key) }
    try await expect(.notConnected, "exists") { _ = try await storage.exists(key) }
    try await expect(.notConnected, "expire") { _ = try await storage.expire(key, after: nil) }
    try await expect(.notConnected, "ttl") { _ = try await storage.ttl(key) }
    try await expect(.notConnected, "increment") { _ = try await storage.increment(key, by: 1) }
    try await expect(.notConnected, "hset") { _ = try await storage.hset(key, ["f": []]) }
    try await expect(.notConnected, "hget") { _ = try await storage.hget(key, "f") }
    try await expect(.notConnected, "hgetAll") { _ = try await storage.hgetAll(key) }
    try await expect(.notConnected, "hdel") { _ = try await storage.hdel(key, ["f"]) }
    try await expect(.notConnected, "getMany") { _ = try await storage.getMany([key]) }
    try await expect(.notConnected, "setMany") {
      try await storage.setMany([key: []], expire: nil)
    }
    try await expect(.notConnected, "scan") { _ = try await trial.scan(.all) }
    try await expect(.notConnected, "publish") { _ = try await storage.publish([], to: key) }
    try await expect(.notConnected, "subscribe") { _ = try await storage.subscribe(to: [key]) }
    let health = await storage.health()
    try expect(health.status, .unhealthy)
    try expect(health.reason?.isEmpty, false)
    try await storage.connect()
    try expect(try await storage.get(key), "v".bytes)
    try expect(await storage.health().status, .healthy)
  },
  .init("closing ends subscriptions, after the messages that came") { trial in
    let channel = trial.key("c")
    let subscription = try await trial.storage.subscribe(to: [channel])
    try await trial.storage.publish("m".bytes, to: channel)
    var reader = subscription.makeAsyncIterator()
    try expect(try await reader.next()?.payload, "m".bytes)
    let waiting = Task {
      var reader = subscription.makeAsyncIterator()
      return try await reader.next()
    }
    await Task.yield()
    await trial.storage.close()
    try expect(try await waiting.value, nil)
    try expect(try await reader.next(), nil)
    try await trial.storage.connect()
    try expect(try await trial.storage.publish("m".bytes, to: channel), 0)
  },
  .init("a cancelled task is told so, and nothing is done") { trial in
    let storage = trial.storage
    let key = trial.key("a")
    try await storage.set(key, to: "v".bytes, expire: nil)
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      try await expect(.cancelled, "get") { _ = try await storage.get(key) }
      try await expect(.cancelled, "delete") { _ = try await storage.delete(key) }
      try await expect(.cancelled, "set") { try await storage.set(key, to: [], expire: nil) }
      try await expect(.cancelled, "increment") { _ = try await storage.increment(key, by: 1) }
      try await expect(.cancelled, "hset") { _ = try await storage.hset(key, ["f": []]) }
      try await expect(.cancelled, "scan") { _ = try await trial.scan(.all) }
      try await expect(.cancelled, "publish") { _ = try await storage.publish([], to: key) }
      try await expect(.cancelled, "subscribe") { _ = try await storage.subscribe(to: [key]) }
    }
    task.cancel()
    try await task.value
    try expect(try await storage.get(key), "v".bytes)
  },
]
