/// Something that was done to a storage that stands in for another, so that it can be done there too.
///
/// It is the operation, not what came of it: a number is added to what the other one holds.
enum StorageWrite: Sendable, Hashable {
  /// The times are those of the storage that stands in.
  case set(String, [UInt8], until: Duration?)
  case setIfAbsent(String, [UInt8], until: Duration?)
  case swap(String, from: [UInt8]?, to: [UInt8]?, until: Duration?)
  case delete(String)
  case expire(String, at: Duration?)
  case add(String, Int64)
  case setFields(String, [String: [UInt8]])
  case deleteFields(String, [String])

  /// What it takes, more or less.
  var bytes: Int {
    switch self {
    case .set(let key, let value, _), .setIfAbsent(let key, let value, _):
      128 + key.utf8.count + value.count
    case .swap(let key, let from, let to, _):
      128 + key.utf8.count + (from?.count ?? 0) + (to?.count ?? 0)
    case .delete(let key), .expire(let key, _), .add(let key, _): 128 + key.utf8.count
    case .setFields(let key, let fields):
      fields.reduce(128 + key.utf8.count) { $0 + 64 + $1.key.utf8.count + $1.value.count }
    case .deleteFields(let key, let fields):
      fields.reduce(128 + key.utf8.count) { $0 + 32 + $1.utf8.count }
    }
  }

  /// Whether doing it twice, one after the other, is doing it once.
  var isRepeatable: Bool {
    switch self {
    case .set, .delete, .expire, .setFields, .deleteFields: true
    case .setIfAbsent, .swap, .add: false
    }
  }

  /// Does it.
  ///
  /// - Returns: whether it came to something: not when the key is no longer as it had to be.
  func apply(to storage: any Storage, at now: Duration) async throws(StorageError) -> Bool {
    func isOver(_ deadline: Duration?) -> Bool { deadline.map { $0 <= now } ?? false }
    switch self {
    case .set(let key, let value, let deadline):
      if isOver(deadline) {
        try await storage.delete(key)
      } else {
        try await storage.set(key, to: value, expire: deadline.map { $0 - now })
      }
    case .setIfAbsent(let key, let value, let deadline):
      if !isOver(deadline) {
        return try await storage.setIfAbsent(key, to: value, expire: deadline.map { $0 - now })
      }
    case .swap(let key, let old, let new, let deadline):
      return isOver(deadline)
        ? try await storage.compareAndSwap(key, from: old, to: nil, expire: nil)
        : try await storage.compareAndSwap(
          key, from: old, to: new, expire: deadline.map { $0 - now })
    case .delete(let key): try await storage.delete(key)
    case .expire(let key, let deadline):
      return try await storage.expire(key, after: deadline.map { $0 - now })
    case .add(let key, let amount): try await storage.increment(key, by: amount)
    case .setFields(let key, let fields): try await storage.hset(key, fields)
    case .deleteFields(let key, let fields): try await storage.hdel(key, fields)
    }
    return true
  }
}

/// What was done to a storage while it stood in for another, in order.
///
/// It is under the lock of that storage, so that what is written is noted in the order in which it was
/// done, and nothing is done after the journal was found empty and closed.
struct WriteJournal: Sendable {
  /// Whether the storage stands in. Otherwise nothing may be asked of it.
  private(set) var isOpen = false
  /// Somebody is replaying.
  private(set) var isReplaying = false
  private(set) var dropped = 0
  private(set) var refused = 0
  private(set) var bytes = 0
  /// How often the first was tried in vain, though it could have been done.
  private(set) var vainAttempts = 0

  private let mostWrites: Int
  private let mostBytes: Int
  private var writes: [StorageWrite?] = []
  private var first = 0

  /// - Parameter mostWrites: 0: they are dropped.
  init(mostWrites: Int, mostBytes: Int) {
    self.mostWrites = mostWrites
    self.mostBytes = mostBytes
  }

  var count: Int { writes.count - first }

  mutating func open() { isOpen = true }

  /// Throws if there is no room for another, before it is done.
  mutating func makeRoom(for write: StorageWrite) throws(StorageError) {
    guard mostWrites > 0, count >= mostWrites || bytes + write.bytes > mostBytes else { return }
    refused += 1
    throw StorageError(
      .queueFull,
      "\(count) writes of \(bytes) bytes wait for the primary storage: as many as may")
  }

  mutating func note(_ write: StorageWrite) {
    guard mostWrites > 0 else {
      dropped += 1
      return
    }
    writes.append(write)
    bytes += write.bytes
  }

  enum Step: Sendable {
    case write(StorageWrite)
    /// There is nothing left to replay.
    case done
    /// Somebody else replays.
    case busy
  }

  /// Begins to replay, or goes on.
  mutating func next(goingOn: Bool) -> Step {
    if !isOpen { return .done }
    if isReplaying, !goingOn { return .busy }
    if first < writes.count, let write = writes[first] {
      isReplaying = true
      return .write(write)
    }
    isReplaying = false
    return .done
  }

  /// The other storage has answered: this one stands in no more, unless something waits. Returns
  /// whether that is new.
  mutating func close() -> Bool {
    guard isOpen, !isReplaying, count == 0 else { return false }
    isOpen = false
    return true
  }

  /// The first was done, or never will be.
  mutating func removeFirst() {
    guard first < writes.count, let write = writes[first] else { return }
    bytes -= write.bytes
    writes[first] = nil
    first += 1
    vainAttempts = 0
    if first > 64, first * 2 > writes.count {
      writes.removeFirst(first)
      first = 0
    }
  }

  /// The first stays for another time.
  mutating func stopReplaying(inVain: Bool) {
    isReplaying = false
    if inVain { vainAttempts += 1 }
  }
}
