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

  /// Sets many keys. `SET`, a thousand keys at a time. The error's outcome is unknown where some of
  /// them may be set.
  public func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError) {
    let milliseconds = try Self.milliseconds(expire)
    var isBegun = false
    var pipeline = RedisPipeline()
    for (key, value) in values {
      pipeline.append(.set(key, to: value, milliseconds: milliseconds))
      if pipeline.count == Self.manyAtOnce {
        try await send(pipeline, &isBegun)
        pipeline = RedisPipeline()
      }
    }
    try await send(pipeline, &isBegun)
  }

  /// `isBegun`: whether something of the whole may have been done.
  private func send(_ pipeline: RedisPipeline, _ isBegun: inout Bool) async throws(StorageError) {
    guard pipeline.count > 0 else { return }
    do throws(StorageError) {
      let answer = try await client.answer(to: pipeline)
      var fault: RedisFault?
      for reply in try answer.result.get().list() {
        if case .fault(let one) = reply { fault = fault ?? one } else { isBegun = true }
      }
      isBegun = isBegun || answer.wasRepeated
      if let fault { throw fault.error() }
    } catch {
      throw isBegun ? error.maybeDone : error
    }
  }
}
