public import Holdfast

extension RedisStorage {
  /// How many keys go in one command or pipeline.
  private static let manyAtOnce = 1024

  /// The values of many keys, in their order. `MGET`, a thousand keys at a time.
  public func getMany(_ keys: [String]) async throws(StorageError) -> [[UInt8]?] {
    var values: [[UInt8]?] = []
    values.reserveCapacity(keys.count)
    for start in stride(from: 0, to: keys.count, by: Self.manyAtOnce) {
      let some = keys[start..<min(start + Self.manyAtOnce, keys.count)]
      let list = try await reply(to: .repeatable("MGET", some.map { .text($0) })).list()
      for reply in list { values.append(try reply.value()) }
    }
    return values
  }

  /// Sets many keys. `SET`, a thousand keys at a time.
  public func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError) {
    let milliseconds = try Self.milliseconds(expire)
    var pipeline = RedisPipeline()
    for (key, value) in values {
      pipeline.append(.set(key, to: value, milliseconds: milliseconds))
      if pipeline.count == Self.manyAtOnce {
        try await send(pipeline)
        pipeline = RedisPipeline()
      }
    }
    try await send(pipeline)
  }

  private func send(_ pipeline: RedisPipeline) async throws(StorageError) {
    for reply in try await client.send(pipeline, deadline: nil) { _ = try reply.unlessFault() }
  }
}
