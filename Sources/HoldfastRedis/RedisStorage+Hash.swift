public import Holdfast

extension RedisStorage {
  /// Sets fields of a hash. Returns how many are new. `HSET`.
  @discardableResult
  public func hset(_ key: String, _ fields: [String: [UInt8]]) async throws(StorageError) -> Int {
    guard !fields.isEmpty else {
      throw StorageError(.invalidArgument, "one field at least is to be set")
    }
    let arguments = fields.flatMap { [RedisArgument.text($0.key), .bytes($0.value)] }
    return Int(
      try await count(
        of: .repeatable("HSET", [.text(key)] + arguments), at: Int64(fields.count)))
  }

  /// The value of a field; `nil`: there is none. `HGET`.
  public func hget(_ key: String, _ field: String) async throws(StorageError) -> [UInt8]? {
    try await reply(to: .repeatable("HGET", .text(key), .text(field))).value()
  }

  /// All fields. `HGETALL`.
  ///
  /// A hash whose fields have names that are no UTF-8 text, or that are equal as texts, cannot be
  /// said in this way: `StorageError.Code.notDecodable`.
  public func hgetAll(_ key: String) async throws(StorageError) -> [String: [UInt8]] {
    let list = try await reply(to: .repeatable("HGETALL", .text(key))).list()
    var fields: [String: [UInt8]] = [:]
    fields.reserveCapacity(list.count / 2)
    for index in stride(from: 0, to: list.count - 1, by: 2) {
      guard let name = list[index].text, let value = list[index + 1].bytes,
        fields.updateValue(value, forKey: name) == nil
      else {
        throw StorageError(.notDecodable, "a field's name is no text, or the same as another's")
      }
    }
    return fields
  }

  /// Deletes fields. Returns how many were there. `HDEL`.
  @discardableResult
  public func hdel(_ key: String, _ fields: [String]) async throws(StorageError) -> Int {
    guard !fields.isEmpty else { return 0 }
    let arguments = [RedisArgument.text(key)] + fields.map { .text($0) }
    return Int(try await count(of: .repeatable("HDEL", arguments), at: Int64(fields.count)))
  }
}
