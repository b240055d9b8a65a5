/// The commands that a storage needs.
extension RedisCommand {
  /// `PING`: replies `PONG`.
  public static func ping() -> RedisCommand {
    RedisCommand(.anywhere, "PING", [], isRepeatable: true)
  }

  /// `GET`: replies the value, or null.
  public static func get(_ key: String) -> RedisCommand {
    RedisCommand(.anywhere, "GET", [.text(key)], isRepeatable: true)
  }

  /// `SET`: replies `OK`.
  ///
  /// `milliseconds`: its TTL; `nil`: none. `ifAbsent`: only where there is no such key; the reply
  /// is null where there is. That is not repeatable, because the second would see what the first
  /// did.
  public static func set(
    _ key: String, to value: [UInt8], milliseconds: Int64? = nil, ifAbsent: Bool = false
  ) -> RedisCommand {
    var arguments: [RedisArgument] = [.text(key), .bytes(value)]
    if ifAbsent { arguments.append("NX") }
    if let milliseconds { arguments += ["PX", .integer(milliseconds)] }
    return RedisCommand(.anywhere, "SET", arguments, isRepeatable: !ifAbsent)
  }

  /// `DEL`: replies 1, or 0 where there is no such key.
  public static func delete(_ key: String) -> RedisCommand {
    RedisCommand(.anywhere, "DEL", [.text(key)], isRepeatable: true)
  }

  /// `EXISTS`: replies 1 or 0.
  public static func exists(_ key: String) -> RedisCommand {
    RedisCommand(.anywhere, "EXISTS", [.text(key)], isRepeatable: true)
  }

  /// `INCRBY`: replies the sum. Not repeatable.
  public static func increment(_ key: String, by amount: Int64 = 1) -> RedisCommand {
    RedisCommand(.anywhere, "INCRBY", [.text(key), .integer(amount)], isRepeatable: false)
  }

  /// `PUBLISH`: replies how many received it. Not repeatable.
  public static func publish(_ message: [UInt8], to channel: String) -> RedisCommand {
    RedisCommand(.anywhere, "PUBLISH", [.text(channel), .bytes(message)], isRepeatable: false)
  }

  static func repeatable(_ name: String, _ arguments: RedisArgument...) -> RedisCommand {
    RedisCommand(.anywhere, name, arguments, isRepeatable: true)
  }

  static func repeatable(_ name: String, _ arguments: [RedisArgument]) -> RedisCommand {
    RedisCommand(.anywhere, name, arguments, isRepeatable: true)
  }
}
