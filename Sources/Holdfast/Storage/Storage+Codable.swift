#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Values of any type that is `Codable`, as JSON.
///
/// ```swift
/// try await storage.setValue(user, forKey: "user:1", expire: .seconds(60))
/// let user = try await storage.value(forKey: "user:1", as: User.self)
/// ```
///
/// The bytes begin with the tag `json:`, so that what was stored is what comes back: the text `123` is
/// no number, and bytes that somebody else put there are not taken for something that they are not.
/// Fields of objects are in the order of their names: equal values have equal bytes.
extension Storage {
  /// The value of a key; `nil`: there is none.
  ///
  /// - Throws: ``StorageError/Code/notDecodable`` when it has no tag, or is no such value; and what
  ///   ``get(_:)`` throws.
  public func value<Value: Decodable>(forKey key: String, as type: Value.Type = Value.self)
    async throws(StorageError) -> Value?
  {
    guard let bytes = try await get(key) else { return nil }
    return try TaggedJSON.decode(bytes, of: key, as: type)
  }

  /// The values of many keys, in their order; `nil` where there is none.
  ///
  /// - Throws: ``StorageError/Code/notDecodable`` when one has no tag, or is no such value; and what
  ///   ``getMany(_:)`` throws.
  public func values<Value: Decodable>(forKeys keys: [String], as type: Value.Type = Value.self)
    async throws(StorageError) -> [Value?]
  {
    var values: [Value?] = []
    for (key, bytes) in zip(keys, try await getMany(keys)) {
      if let bytes {
        values.append(try TaggedJSON.decode(bytes, of: key, as: type))
      } else {
        values.append(nil)
      }
    }
    return values
  }

  /// Sets a key. `expire`: its TTL; `nil`: none, also if there was one.
  ///
  /// - Throws: ``StorageError/Code/notEncodable`` when there is no JSON for the value, such as for a
  ///   number that is not finite; and what ``set(_:to:expire:)`` throws.
  public func setValue(_ value: some Encodable, forKey key: String, expire: Duration? = nil)
    async throws(StorageError)
  {
    try await set(key, to: try TaggedJSON.encode(value, for: key), expire: expire)
  }

  /// Sets a key that is not there. Returns whether it was set.
  ///
  /// - Throws: ``StorageError/Code/notEncodable``; and what ``setIfAbsent(_:to:expire:)`` throws.
  public func setValueIfAbsent(_ value: some Encodable, forKey key: String, expire: Duration? = nil)
    async throws(StorageError) -> Bool
  {
    try await setIfAbsent(key, to: try TaggedJSON.encode(value, for: key), expire: expire)
  }
}

extension Storage {
  /// Sets a key, which then has no TTL.
  public func set(_ key: String, to value: [UInt8]) async throws(StorageError) {
    try await set(key, to: value, expire: nil)
  }

  /// Sets many keys, which then have no TTL. Some may be set when it throws.
  public func setMany(_ values: [String: [UInt8]]) async throws(StorageError) {
    try await setMany(values, expire: nil)
  }

  /// Adds 1 to the whole number that a key holds, and returns the sum.
  @discardableResult
  public func increment(_ key: String) async throws(StorageError) -> Int64 {
    try await increment(key, by: 1)
  }
}

/// JSON behind a tag.
private enum TaggedJSON {
  static let tag = Array("json:".utf8)

  static func encode(_ value: some Encodable, for key: String) throws(StorageError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return tag + (try encoder.encode(value))
    } catch {
      throw StorageError(
        .notEncodable, "the value for '\(key.onOneLine)' has no JSON: \(reason(error))")
    }
  }

  static func decode<Value: Decodable>(
    _ bytes: [UInt8], of key: String, as type: Value.Type
  ) throws(StorageError) -> Value {
    guard bytes.starts(with: tag) else {
      throw StorageError(
        .notDecodable,
        "'\(key.onOneLine)' holds \(bytes.count) bytes without the tag 'json:': \(sample(bytes))")
    }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes.dropFirst(tag.count)))
    } catch {
      throw StorageError(
        .notDecodable, "'\(key.onOneLine)' holds no \(type): \(reason(error))")
    }
  }

  private static func sample(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes.prefix(24), as: UTF8.self).onOneLine
    return "'\(text)'" + (bytes.count > 24 ? "…" : "")
  }

  /// Without the values, which may be nobody's business.
  private static func reason(_ error: any Error) -> String {
    func at(_ context: DecodingError.Context) -> String {
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return path.isEmpty ? "" : " at '\(path.onOneLine)'"
    }
    switch error {
    case DecodingError.typeMismatch(let type, let context):
      return "there is no \(type)\(at(context))"
    case DecodingError.valueNotFound(let type, let context):
      return "there is null, and no \(type),\(at(context))"
    case DecodingError.keyNotFound(let key, let context):
      return "there is no field '\(key.stringValue.onOneLine)'\(at(context))"
    case DecodingError.dataCorrupted(let context):
      return "it is not well formed\(at(context))"
    case EncodingError.invalidValue(let value, let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return "\(type(of: value))" + (path.isEmpty ? "" : " at '\(path.onOneLine)'")
    default: return "\(error)".onOneLine
    }
  }
}
