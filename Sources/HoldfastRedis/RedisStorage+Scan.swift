public import Holdfast

extension RedisStorage {
  /// The keys that a pattern matches. `SCAN`, about a thousand keys at a time.
  ///
  /// Keys that are no UTF-8 text are not among them: no `String` names them.
  public func scan(_ pattern: StoragePattern) -> StorageScan {
    StorageScan { cursor throws(StorageError) in
      let reply = try await reply(
        to: .repeatable(
          "SCAN", .text(String(cursor)), "MATCH", .text(pattern.glob), "COUNT", 1000)
      ).list()
      guard reply.count == 2, let text = reply[0].text, let next = UInt64(text) else {
        throw StorageError(.protocolViolation, "the reply to SCAN has no cursor")
      }
      return (try reply[1].list().compactMap(\.text), next == 0 ? nil : next)
    }
  }
}
