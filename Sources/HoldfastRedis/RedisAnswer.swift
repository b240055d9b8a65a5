internal import CHoldfastRedis
internal import Holdfast

/// What became of a request: a reply, or why there is none.
struct RedisAnswer: Sendable {
  /// Of a pipeline: an array of its replies.
  let result: Result<RedisReply, StorageError>
  /// The connection that it was sent on; 0: none.
  var connection: UInt64 = 0
  /// Whether it was sent more than once, so that the reply may be of the second time.
  var wasRepeated = false
  /// Whether there was no connection, or not the one that it was for, so that nothing was sent.
  var hadNoConnection = false

  /// That nothing was sent.
  init(notDone code: StorageError.Code, _ message: String) {
    result = .failure(StorageError(code, message))
  }

  /// That it was sent, and no more is known.
  init(unknown code: StorageError.Code, _ message: String) {
    result = .failure(StorageError(code, message, outcome: .unknown))
  }

  /// From what the C part says. A pipeline's replies come in an array, and a request that asked for
  /// none (subscriptions) has an empty one.
  init(_ lent: UnsafePointer<hf_redis_result>, isPipeline: Bool, wasRepeated: Bool) {
    let count = unsafe lent.pointee.count
    let code: StorageError.Code
    let isKnown: Bool
    switch unsafe lent.pointee.outcome {
    case HF_REDIS_REPLIED:
      if isPipeline || count != 1 {
        result = .success(.array((0..<count).map { unsafe Self.reply($0, of: lent) }))
      } else {
        result = unsafe .success(Self.reply(0, of: lent))
      }
      connection = unsafe lent.pointee.connection
      self.wasRepeated = wasRepeated
      return
    case HF_REDIS_NOT_SENT:
      (code, isKnown) = (.notConnected, true)
      hadNoConnection = true
    case HF_REDIS_EXPIRED_UNSENT: (code, isKnown) = (.timedOut, true)
    case HF_REDIS_UNWANTED: (code, isKnown) = (.cancelled, true)
    case HF_REDIS_EXPIRED: (code, isKnown) = (.timedOut, false)
    case HF_REDIS_LOST: (code, isKnown) = (.connectionLost, false)
    case HF_REDIS_REFUSED: (code, isKnown) = (.refused, true)
    case HF_REDIS_ENDED_UNSENT: (code, isKnown) = (.notConnected, true)
    case HF_REDIS_ENDED: (code, isKnown) = (.notConnected, false)
    default: (code, isKnown) = (.protocolViolation, false)
    }
    connection = unsafe lent.pointee.connection
    let reason = unsafe String(cString: lent.pointee.reason)
    result = .failure(StorageError(code, reason, outcome: isKnown ? .notDone : .unknown))
  }

  /// The one reply. A fault is thrown: the server has not done what it answers with a fault, but where
  /// this was sent before, that may have been done.
  func reply() throws(StorageError) -> RedisReply {
    let reply = try result.get()
    if case .fault(let fault) = reply {
      throw fault.error(outcome: wasRepeated ? .unknown : .notDone)
    }
    return reply
  }

  private static func reply(_ index: Int, of lent: UnsafePointer<hf_redis_result>) -> RedisReply {
    guard let replies = unsafe lent.pointee.replies, let reply = unsafe replies[index] else {
      return .null
    }
    return unsafe RedisReply(reply)
  }
}
