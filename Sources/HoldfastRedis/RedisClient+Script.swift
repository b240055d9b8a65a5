public import Holdfast

extension RedisClient {
  /// Runs a script, by its digest; a server that does not know it yet is sent the text.
  ///
  /// - Parameters:
  ///   - script: the script.
  ///   - keys: the keys that it touches, all of them.
  ///   - arguments: whatever else it is given.
  ///   - isRepeatable: whether it does no harm to run it twice: see ``RedisCommand/isRepeatable``.
  ///   - deadline: how long all attempts may take together; `nil`: as long as they take.
  /// - Throws: the fault, with outcome unknown, because the script may have come half of the way.
  public func run(
    _ script: RedisScript, keys: [String], arguments: [RedisArgument] = [],
    isRepeatable: Bool = false, deadline: Duration? = nil
  ) async throws(StorageError) -> RedisReply {
    let reply = try await reply(
      of: script, keys: keys, arguments: arguments, isRepeatable: isRepeatable, deadline: deadline)
    if case .fault(let fault) = reply { throw fault.error(outcome: .unknown) }
    return reply
  }

  /// The reply, whatever it is.
  func reply(
    of script: RedisScript, keys: [String], arguments: [RedisArgument], isRepeatable: Bool = false,
    deadline: Duration? = nil
  ) async throws(StorageError) -> RedisReply {
    let rest =
      [RedisArgument.integer(Int64(keys.count))] + keys.map { .text($0) } + arguments
    let byDigest = RedisCommand(
      .anywhere, "EVALSHA", [.text(script.digest)] + rest, isRepeatable: isRepeatable)
    let start = ContinuousClock.now
    let first = try await answer(to: byDigest, deadline: deadline)
    let reply = try first.result.get()
    guard case .fault(let fault) = reply, fault.prefix == "NOSCRIPT" else { return reply }
    let byText = RedisCommand(
      .anywhere, "EVAL", [.text(script.source)] + rest, isRepeatable: isRepeatable)
    let left = deadline.map { $0 - start.duration(to: .now) }
    do throws(StorageError) {
      return try await answer(to: byText, deadline: left).result.get()
    } catch {
      throw first.wasRepeated ? error.maybeDone : error
    }
  }
}
