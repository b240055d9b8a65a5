internal import CHoldfastRedis

/// What the server answered, as RESP2 has it.
public enum RedisReply: Sendable, Hashable {
  /// Nothing: no such key, no element in time, a transaction that was not carried out.
  case null
  /// A whole number.
  case integer(Int64)
  /// Any bytes.
  case string([UInt8])
  /// A short text of the server's own, such as `OK`.
  case simple(String)
  /// The server's error, where it is one of several replies. On its own it is thrown.
  case fault(RedisFault)
  /// Replies in order.
  case array([RedisReply])

  /// A string's bytes, or a simple text's; `nil`: it is neither.
  public var bytes: [UInt8]? {
    switch self {
    case .string(let bytes): bytes
    case .simple(let text): Array(text.utf8)
    default: nil
    }
  }

  /// A string as text; `nil`: it is no string, or not UTF-8.
  public var text: String? {
    switch self {
    case .string(let bytes): String(validating: bytes, as: UTF8.self)
    case .simple(let text): text
    default: nil
    }
  }

  /// An integer; `nil`: it is none.
  public var integer: Int64? {
    if case .integer(let number) = self { number } else { nil }
  }

  /// Whether it is the server's error.
  var isFault: Bool {
    if case .fault = self { true } else { false }
  }

  /// An array's elements; `nil`: it is none.
  public var elements: [RedisReply]? {
    if case .array(let elements) = self { elements } else { nil }
  }
}

extension RedisReply {
  /// A copy of a reply that the C part lends. Replies are nested 9 deep at most.
  init(_ reply: UnsafePointer<hf_redis_reply>) {
    let kind = unsafe reply.pointee.kind
    let length = unsafe reply.pointee.length
    switch kind {
    case HF_REDIS_NULL: self = .null
    case HF_REDIS_INTEGER: self = unsafe .integer(reply.pointee.integer)
    case HF_REDIS_ARRAY:
      guard let elements = unsafe reply.pointee.elements else {
        self = .array([])
        return
      }
      self = .array(
        (0..<length).map { index in
          guard let element = unsafe elements[index] else { return .null }
          return unsafe RedisReply(element)
        })
    default:
      let bytes = unsafe UnsafeRawBufferPointer(start: reply.pointee.bytes, count: length)
      switch kind {
      case HF_REDIS_SIMPLE: self = unsafe .simple(String(decoding: bytes, as: UTF8.self))
      case HF_REDIS_FAULT:
        self = unsafe .fault(RedisFault(text: String(decoding: bytes, as: UTF8.self)))
      default: self = unsafe .string([UInt8](bytes))
      }
    }
  }
}
