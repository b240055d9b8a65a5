/// A storage in memory: for tests, and for a service on one machine.
///
/// ```swift
/// let storage = MemoryStorage()
/// try await storage.set("session:1", to: token, expire: .seconds(60))
/// ```
///
/// It answers as ``Storage`` says, and so as a Redis server would; patterns too. What it holds stays in
/// its limits: what would exceed them is refused with ``StorageError/Code/refused``, and nothing is ever
/// thrown out to make room. A key counts as its bytes, those of its value or fields, and 160 bytes, and
/// each field of a hash as 80 more, which is about what they take.
///
/// A key is gone the moment its TTL is over. Its memory is given back by the next look at it, or by
/// the operations that follow, each of which takes away up to four such keys. A clock that goes back
/// revives nothing: time stands still until it is where it was.
///
/// Closing keeps what it holds. It is lost with the object: ``save(to:)`` writes it to a file.
///
/// Any number of tasks may use it at once. They take turns at one lock, for no longer than an operation
/// takes; nothing ever waits for anything else.
public final class MemoryStorage: Storage {
  /// How much it may hold.
  public struct Limits: Sendable, Hashable {
    /// Keys, by default as many as there is room for.
    public var keys = Int.max
    /// Bytes, as ``MemoryStorage`` counts them; by default 256 MiB.
    public var bytes = 256 << 20

    /// The defaults.
    public init() {}

    /// Limits of your own. Less than nothing is nothing.
    public init(keys: Int = .max, bytes: Int = 256 << 20) {
      self.keys = keys
      self.bytes = bytes
    }
  }

  /// What it holds.
  public struct Figures: Sendable, Hashable {
    /// Keys whose time has not come.
    public let keys: Int
    /// Their bytes, as ``MemoryStorage`` counts them.
    public let bytes: Int
    /// Subscriptions.
    public let subscriptions: Int
  }

  struct State: Sendable {
    var isOpen = true
    var table: MemoryTable
    var channels = MemoryChannels()
    /// The latest time that was seen.
    var now = Duration.zero
  }

  let limits: Limits
  private let state: Guarded<State>
  private let clock: @Sendable () -> Duration

  /// An empty storage.
  ///
  /// - Parameters:
  ///   - limits: how much it may hold.
  ///   - clock: tells when TTLs are over; read once for each operation.
  public init(limits: Limits = Limits(), clock: some Clock<Duration> = ContinuousClock()) {
    self.limits = limits
    state = Guarded(State(table: MemoryTable(maxKeys: limits.keys, maxBytes: limits.bytes)))
    let origin = clock.now
    self.clock = { origin.duration(to: clock.now) }
  }

  deinit { state.withLock { $0.channels.takeAll() }.forEach { $0.finish() } }

  /// What it holds.
  ///
  /// - Complexity: O(1), and a step for each key whose time has come.
  public var figures: Figures {
    let time = clock()
    return state.withLock { state in
      let now = state.advance(to: time)
      state.table.expireAll(at: now)
      return Figures(
        keys: state.table.entries.count, bytes: state.table.bytes,
        subscriptions: state.channels.count)
    }
  }

  /// For tests: items that wait to be found out of date.
  var leftovers: Int { state.withLock { $0.table.leftovers } }

  // MARK: - Opening and closing

  /// As ``Storage/connect()`` says.
  public func connect() async throws(StorageError) { state.withLock { $0.isOpen = true } }

  /// Ends its subscriptions. What it holds is there again after ``connect()``.
  public func close() async {
    let sources = state.withLock { state in
      state.isOpen = false
      return state.channels.takeAll()
    }
    for source in sources { source.finish() }
  }

  /// As ``Storage/health()`` says.
  public func health() async -> StorageHealth {
    let held = figures
    let details = [
      "keys": String(held.keys), "bytes": String(held.bytes),
      "subscriptions": String(held.subscriptions),
    ]
    return state.withLock { $0.isOpen }
      ? StorageHealth(.healthy, latency: .zero, details: details)
      : StorageHealth(.unhealthy, reason: "it is closed", details: details)
  }

  /// All its keys, whether it is open or not, and the time.
  var present: (table: MemoryTable, now: Duration) { change { table, now in (table, now) } }

  /// Does something to the keys at the present time, whether it is open or not.
  func change<Result: Sendable>(_ body: (inout MemoryTable, Duration) -> Result) -> Result {
    let time = clock()
    return state.withLock { state in
      let now = state.advance(to: time)
      return body(&state.table, now)
    }
  }

  /// Does something to the keys at the present time.
  func withTable<Result: Sendable>(
    _ body: (inout MemoryTable, Duration) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    // The clock may be anybody's, so no lock is held.
    let time = clock()
    return try withState { state throws(StorageError) in
      let now = state.advance(to: time)
      if let journal = state.table.journal, !journal.isOpen { throw .standsInNoMore }
      state.table.expire(atMost: 4, at: now)
      return try body(&state.table, now)
    }
  }

  /// Changes something at the present time, and notes it if it came to something.
  ///
  /// - Parameter isDone: whether it did, by its result.
  private func write<Result: Sendable>(
    _ write: (Duration) -> StorageWrite,
    if isDone: (Result) -> Bool = { _ in true },
    _ body: (inout MemoryTable, Duration) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try withTable { table, now throws(StorageError) in
      guard table.journal != nil else { return try body(&table, now) }
      let noted = write(now)
      try table.journal?.makeRoom(for: noted)
      let result = try body(&table, now)
      if isDone(result) { table.journal?.note(noted) }
      return result
    }
  }

  private func withState<Result: Sendable>(
    _ body: (inout State) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    if Task.isCancelled { throw StorageError(.cancelled, "the task was cancelled") }
    return try state.withLock { state throws(StorageError) -> Result in
      guard state.isOpen else { throw StorageError(.notConnected, "the storage is closed") }
      return try body(&state)
    }
  }

  // MARK: - Values

  /// As ``Storage/get(_:)`` says.
  public func get(_ key: String) async throws(StorageError) -> [UInt8]? {
    try withTable { table, now throws(StorageError) in
      guard let index = table.find(ByteText(key), at: now) else { return nil }
      return try table.value(at: index)
    }
  }

  /// As ``Storage/set(_:to:expire:)`` says.
  public func set(_ key: String, to value: [UInt8], expire: Duration?) async throws(StorageError) {
    let ttl = try Self.checked(expire)
    func deadline(_ now: Duration) -> Duration? { ttl.map { now + $0 } }
    try write {
      .set(key, value, until: deadline($0))
    } _: { table, now throws(StorageError) in
      try table.set(ByteText(key), to: value, until: deadline(now), at: now)
    }
  }

  /// As ``Storage/setIfAbsent(_:to:expire:)`` says.
  public func setIfAbsent(_ key: String, to value: [UInt8], expire: Duration?)
    async throws(StorageError) -> Bool
  {
    let ttl = try Self.checked(expire)
    func deadline(_ now: Duration) -> Duration? { ttl.map { now + $0 } }
    return try write {
      .setIfAbsent(key, value, until: deadline($0))
    } if: {
      $0
    } _: { table, now throws(StorageError) in
      guard table.find(ByteText(key), at: now) == nil else { return false }
      try table.set(ByteText(key), to: value, until: deadline(now), at: now)
      return true
    }
  }

  /// As ``Storage/compareAndSwap(_:from:to:expire:)`` says.
  public func compareAndSwap(
    _ key: String, from expected: [UInt8]?, to value: [UInt8]?, expire: Duration?
  ) async throws(StorageError) -> Bool {
    let ttl = try Self.checked(expire)
    func deadline(_ now: Duration) -> Duration? { ttl.map { now + $0 } }
    return try write {
      .swap(key, from: expected, to: value, until: value == nil ? nil : deadline($0))
    } if: {
      $0
    } _: { table, now throws(StorageError) in
      let key = ByteText(key)
      let index = table.find(key, at: now)
      let present: [UInt8]? = if let index { try table.value(at: index) } else { nil }
      guard present == expected else { return false }
      if let value {
        try table.set(key, to: value, until: deadline(now), at: now)
      } else if let index {
        table.remove(index)
      }
      return true
    }
  }

  /// As ``Storage/delete(_:)`` says.
  @discardableResult
  public func delete(_ key: String) async throws(StorageError) -> Bool {
    try write { _ in
      .delete(key)
    } _: { table, now throws(StorageError) in
      guard let index = table.find(ByteText(key), at: now) else { return false }
      table.remove(index)
      return true
    }
  }

  /// As ``Storage/exists(_:)`` says.
  public func exists(_ key: String) async throws(StorageError) -> Bool {
    try withTable { table, now throws(StorageError) in
      table.find(ByteText(key), at: now) != nil
    }
  }

  /// As ``Storage/increment(_:by:)`` says.
  @discardableResult
  public func increment(_ key: String, by amount: Int64) async throws(StorageError) -> Int64 {
    try write { _ in
      .add(key, amount)
    } _: { table, now throws(StorageError) in
      let key = ByteText(key)
      var number: Int64 = 0
      if let index = table.find(key, at: now) {
        guard let present = Int64(storedDigits: try table.value(at: index)) else {
          throw StorageError(.notAnInteger, "the value is no whole number of 64 bits")
        }
        number = present
      }
      let (sum, overflow) = number.addingReportingOverflow(amount)
      guard !overflow else {
        throw StorageError(.overflow, "\(number) and \(amount) are beyond 64 bits together")
      }
      try table.replace(key, with: Array(String(sum).utf8), at: now)
      return sum
    }
  }

  /// As ``Storage/getMany(_:)`` says.
  public func getMany(_ keys: [String]) async throws(StorageError) -> [[UInt8]?] {
    try withTable { table, now throws(StorageError) in
      keys.map { key in
        guard let index = table.find(ByteText(key), at: now), table[index].fields == nil else {
          return nil
        }
        return table[index].value
      }
    }
  }

  /// Sets many keys. When there is no room for all, those that came first are set, and the error's
  /// outcome is unknown.
  public func setMany(_ values: [String: [UInt8]], expire: Duration?) async throws(StorageError) {
    let ttl = try Self.checked(expire)
    try withTable { table, now throws(StorageError) in
      let deadline = ttl.map { now + $0 }
      var isBegun = false
      do throws(StorageError) {
        for (key, value) in values {
          let write = StorageWrite.set(key, value, until: deadline)
          try table.journal?.makeRoom(for: write)
          try table.set(ByteText(key), to: value, until: deadline, at: now)
          table.journal?.note(write)
          isBegun = true
        }
      } catch {
        guard isBegun else { throw error }
        throw StorageError(error.code, error.message, outcome: .unknown)
      }
    }
  }

  // MARK: - Time

  /// As ``Storage/expire(_:after:)`` says.
  @discardableResult
  public func expire(_ key: String, after ttl: Duration?) async throws(StorageError) -> Bool {
    let isOver = ttl.map { $0 <= .zero } ?? false
    let ttl = isOver ? nil : try Self.checked(ttl)
    func deadline(_ now: Duration) -> Duration? { ttl.map { now + $0 } }
    return try write {
      isOver ? .delete(key) : .expire(key, at: deadline($0))
    } if: {
      $0 || isOver
    } _: { table, now throws(StorageError) in
      guard let index = table.find(ByteText(key), at: now) else { return false }
      if isOver {
        table.remove(index)
      } else {
        table.setDeadline(deadline(now), at: index)
      }
      return true
    }
  }

  /// As ``Storage/ttl(_:)`` says.
  public func ttl(_ key: String) async throws(StorageError) -> StorageTTL {
    try withTable { table, now throws(StorageError) in
      guard let index = table.find(ByteText(key), at: now) else { return .absent }
      guard let deadline = table[index].deadline else { return .none }
      return .left(Self.wholeMilliseconds(deadline - now))
    }
  }

  private static func checked(_ ttl: Duration?) throws(StorageError) -> Duration? {
    guard let ttl else { return nil }
    return .milliseconds(try StorageLimits.milliseconds(ofTTL: ttl))
  }

  /// Rounded up, so that what is not over is not nothing.
  static func wholeMilliseconds(_ time: Duration) -> Duration {
    .milliseconds(Int64(clamping: time.wholeMilliseconds ?? 0))
  }

  // MARK: - Hash fields

  /// As ``Storage/hset(_:_:)`` says.
  @discardableResult
  public func hset(_ key: String, _ fields: [String: [UInt8]]) async throws(StorageError) -> Int {
    guard !fields.isEmpty else { throw StorageError(.invalidArgument, "there is no field to set") }
    // Texts that are equal by bytes are equal as texts too, so that no field is lost.
    let byBytes = Dictionary(fields.map { (ByteText($0), $1) }, uniquingKeysWith: { $1 })
    return try write { _ in
      .setFields(key, fields)
    } _: { table, now throws(StorageError) in
      try table.set(ByteText(key), fields: byBytes, at: now)
    }
  }

  /// As ``Storage/hget(_:_:)`` says.
  public func hget(_ key: String, _ field: String) async throws(StorageError) -> [UInt8]? {
    try withTable { table, now throws(StorageError) in
      guard let index = table.find(ByteText(key), at: now) else { return nil }
      return try table.fields(at: index)[ByteText(field)]
    }
  }

  /// As ``Storage/hgetAll(_:)`` says.
  public func hgetAll(_ key: String) async throws(StorageError) -> [String: [UInt8]] {
    let fields = try withTable { table, now throws(StorageError) -> [ByteText: [UInt8]] in
      guard let index = table.find(ByteText(key), at: now) else { return [:] }
      return try table.fields(at: index)
    }
    return Dictionary(fields.map { ($0.text, $1) }, uniquingKeysWith: { $1 })
  }

  /// As ``Storage/hdel(_:_:)`` says.
  @discardableResult
  public func hdel(_ key: String, _ fields: [String]) async throws(StorageError) -> Int {
    if fields.isEmpty { return try withTable { _, _ in 0 } }
    return try write { _ in
      .deleteFields(key, fields)
    } _: { table, now throws(StorageError) in
      guard let index = table.find(ByteText(key), at: now) else { return 0 }
      _ = try table.fields(at: index)
      return table.remove(fields.map(ByteText.init), at: index)
    }
  }

  // MARK: - Scanning

  /// The keys that a pattern matches. Those that come meanwhile are not among them.
  ///
  /// - Complexity: the lock is held for 256 keys at a time, and not while they are matched.
  public func scan(_ pattern: StoragePattern) -> StorageScan {
    let matcher = pattern.matcher
    return StorageScan { cursor throws(StorageError) in
      let page = try self.withTable { table, now throws(StorageError) in
        table.page(below: cursor, of: 256, at: now)
      }
      return (page.keys.filter { matcher.matches($0) }, page.next)
    }
  }

  // MARK: - Messages

  /// As ``Storage/publish(_:to:)`` says.
  @discardableResult
  public func publish(_ message: [UInt8], to channel: String) async throws(StorageError) -> Int {
    let message = StorageMessage(channel: channel, payload: message)
    // In the same order for all who are subscribed, so the lock is held; they are told after it.
    let (count, wakes) = try withState { state throws(StorageError) in
      state.channels.offer(message)
    }
    for wake in wakes { wake() }
    return count
  }

  /// As ``Storage/subscribe(to:)`` says.
  public func subscribe(to channels: [String]) async throws(StorageError) -> StorageSubscription {
    guard !channels.isEmpty else { throw StorageError(.invalidArgument, "there is no channel") }
    return try withState { state throws(StorageError) in
      let number = state.channels.reserveNumber()
      let source = StorageSubscription.Source { [weak self] in
        self?.state.withLock { $0.channels.remove(number) }
      }
      state.channels.add(source, number, to: channels)
      return source.subscription()
    }
  }
}

extension MemoryStorage.State {
  /// A time that never goes back.
  mutating func advance(to time: Duration) -> Duration {
    now = max(now, time)
    return now
  }
}

extension Int64 {
  /// A number as Redis writes it: no sign but `-`, no space, no needless 0.
  init?(storedDigits bytes: [UInt8]) {
    guard bytes.count <= 20, let number = Int64(String(decoding: bytes, as: UTF8.self)),
      String(number).utf8.elementsEqual(bytes)
    else { return nil }
    self = number
  }
}
