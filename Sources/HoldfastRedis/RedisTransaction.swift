public import Holdfast

/// A transaction while keys are watched: what is read now, and what is to be done if those keys are
/// unchanged then. See ``RedisClient/withTransaction(watching:_:)``.
public final class RedisTransaction: Sendable {
  private let connection: RedisConnection
  private let queued = Guarded(RedisPipeline())

  init(_ connection: RedisConnection) { self.connection = connection }

  /// Sends a command at once, to read what the transaction depends on.
  @discardableResult
  public func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(StorageError)
    -> RedisReply
  {
    guard command.place == .anywhere else { throw command.misplaced() }
    return try await connection.send(command, deadline: deadline)
  }

  /// Queues a command, which is sent when the body has returned.
  public func queue(_ command: RedisCommand) {
    queued.withLock { $0.append(command) }
  }

  /// Queues a command by its name.
  public func queue(_ name: String, _ arguments: RedisArgument...) {
    queue(RedisCommand(name, arguments: arguments))
  }

  var pipeline: RedisPipeline { queued.withLock { $0 } }
}

/// How a transaction with watched keys ended.
public enum RedisTransactionResult<Value: Sendable>: Sendable {
  /// All that was queued was done at once. `replies`: theirs, in order, faults among them.
  case committed(Value, replies: [RedisReply])
  /// Nothing was done, because a watched key was changed meanwhile, or the connection that watched
  /// them was lost before it could be known. It may be tried again from the start.
  case aborted

  /// What the body returned; `nil`: nothing was done.
  public var value: Value? {
    if case .committed(let value, _) = self { value } else { nil }
  }
}

extension RedisTransactionResult: Equatable where Value: Equatable {}

/// The replies to MULTI, the commands and EXEC.
enum RedisTransactionReplies {
  /// EXEC's array; `nil`: it was not carried out, because of a watched key.
  ///
  /// - Throws: why the server would not queue a command; then none was done. But where it refused
  ///   MULTI it did each by itself, and where all were sent before (`wasRepeated`), they may be done.
  static func read(_ replies: [RedisReply], wasRepeated: Bool = false) throws(StorageError)
    -> [RedisReply]?
  {
    var outcome = wasRepeated ? StorageError.Outcome.unknown : .notDone
    if case .fault = replies.first, !replies.allSatisfy(\.isFault) { outcome = .unknown }
    switch replies.last {
    case .array(let results): return results
    case .null: return nil
    case .fault(let exec):
      // EXECABORT says that there was a fault. The first one says which.
      for reply in replies.dropLast() {
        if case .fault(let fault) = reply { throw fault.error(outcome: outcome) }
      }
      throw exec.error(outcome: outcome)
    default:
      throw StorageError(
        .protocolViolation, "the reply to EXEC is neither an array nor null", outcome: .unknown)
    }
  }
}
