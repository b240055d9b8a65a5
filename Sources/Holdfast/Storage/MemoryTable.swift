/// The keys of a ``MemoryStorage``: without a lock or a clock, as whoever holds the lock says what time
/// it is.
///
/// An entry whose time has come is as good as gone: each look at a key takes it away first. So that
/// those that nobody looks at go too, each operation takes away a few of them, the earliest first, by
/// `deadlines`.
///
/// A scan goes by `order`, the numbers that entries got when their keys came, from the newest to the
/// oldest. What comes meanwhile has a higher number and is not met, so that a scan ends although its
/// reader adds keys; what stays keeps its number and is met once.
struct MemoryTable: Sendable {
  /// What a key is counted as beside its bytes and those of its value: two dictionary slots, the place in
  /// the order, the deadline, the headers of the memory blocks.
  static let keyOverhead = 160
  /// The same for a field of a hash.
  static let fieldOverhead = 80

  struct Entry: Sendable {
    /// Nothing where it is a hash.
    var value: [UInt8]
    /// Those of a hash, at least one.
    var fields: [ByteText: [UInt8]]?
    var deadline: Duration?
    let number: UInt64
    var bytes: Int
  }

  typealias Index = Dictionary<ByteText, Entry>.Index

  private(set) var entries: [ByteText: Entry] = [:]
  private(set) var bytes = 0
  /// What is done, where somebody wants to do it elsewhere too.
  var journal: WriteJournal?
  private let maxKeys: Int
  private let maxBytes: Int

  /// By number. An item is out of date unless the key's entry has this number.
  private var order: [(number: UInt64, key: ByteText)] = []
  private var nextNumber: UInt64 = 1
  private var deadlines = DeadlineHeap()
  /// How many entries have one.
  private var deadlineCount = 0

  init(maxKeys: Int, maxBytes: Int) {
    self.maxKeys = maxKeys
    self.maxBytes = maxBytes
  }

  /// How many items wait to be found out of date, for tests.
  var leftovers: Int { order.count + deadlines.count - entries.count - deadlineCount }

  // MARK: - Looking

  /// The entry of a key, if its time has not come.
  mutating func find(_ key: ByteText, at now: Duration) -> Index? {
    guard let index = entries.index(forKey: key) else { return nil }
    if isOver(entries.values[index], at: now) {
      remove(index)
      return nil
    }
    return index
  }

  subscript(index: Index) -> Entry { entries.values[index] }

  /// The value of an entry.
  func value(at index: Index) throws(StorageError) -> [UInt8] {
    guard entries.values[index].fields == nil else {
      throw StorageError(.wrongType, "the key holds hash fields, not a value")
    }
    return entries.values[index].value
  }

  /// The fields of an entry.
  func fields(at index: Index) throws(StorageError) -> [ByteText: [UInt8]] {
    guard let fields = entries.values[index].fields else {
      throw StorageError(.wrongType, "the key holds a value, not hash fields")
    }
    return fields
  }

  /// Some keys with numbers below `cursor`, 0 standing for the highest, and where to go on.
  func page(below cursor: UInt64, of size: Int, at now: Duration) -> (
    keys: [String], next: UInt64?
  ) {
    var place = cursor == 0 ? order.count : place(of: cursor)
    let end = max(0, place - size)
    var keys: [String] = []
    while place > end {
      place -= 1
      let (number, key) = order[place]
      if let entry = entries[key], entry.number == number, !isOver(entry, at: now) {
        keys.append(key.text)
      }
    }
    return (keys, place == 0 ? nil : order[place].number)
  }

  /// Where the first is whose number is not below this one.
  private func place(of number: UInt64) -> Int {
    var (low, high) = (0, order.count)
    while low < high {
      let middle = (low + high) / 2
      if order[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func isOver(_ entry: Entry, at now: Duration) -> Bool {
    entry.deadline.map { $0 <= now } ?? false
  }

  // MARK: - Changing

  /// Sets a key, whatever was there.
  ///
  /// - Throws: ``StorageError/Code/refused`` when there is no room; nothing changed then.
  mutating func set(
    _ key: ByteText, to value: [UInt8], until deadline: Duration?, at now: Duration
  ) throws(StorageError) {
    let cost = Self.cost(key) + value.count
    let old = find(key, at: now).map { entries.values[$0].bytes }
    try makeRoom(keys: old == nil ? 1 : 0, bytes: cost - (old ?? 0), at: now)
    if let index = entries.index(forKey: key) {
      entries.values[index].value = value
      entries.values[index].fields = nil
      account(cost, at: index)
      setDeadline(deadline, at: index)
    } else {
      insert(key, value: value, fields: nil, cost: cost, until: deadline)
    }
  }

  /// Replaces a value; the TTL stays.
  mutating func replace(_ key: ByteText, with value: [UInt8], at now: Duration) throws(StorageError)
  {
    let deadline = find(key, at: now).flatMap { entries.values[$0].deadline }
    try set(key, to: value, until: deadline, at: now)
  }

  /// Sets fields, and begins the hash if there is none. Returns how many are new.
  mutating func set(
    _ key: ByteText, fields: [ByteText: [UInt8]], at now: Duration
  ) throws(StorageError) -> Int {
    var added = 0
    var isThere = false
    if let index = find(key, at: now) {
      isThere = true
      let old = try self.fields(at: index)
      for (field, value) in fields {
        added += Self.cost(field, value) - (old[field].map { Self.cost(field, $0) } ?? 0)
      }
    } else {
      added = fields.reduce(Self.cost(key)) { $0 + Self.cost($1.key, $1.value) }
    }
    try makeRoom(keys: isThere ? 0 : 1, bytes: added, at: now)
    guard let index = entries.index(forKey: key) else {
      insert(key, value: [], fields: fields, cost: added, until: nil)
      return fields.count
    }
    var fresh = 0
    for (field, value) in fields {
      if entries.values[index].fields?.updateValue(value, forKey: field) == nil { fresh += 1 }
    }
    account(entries.values[index].bytes + added, at: index)
    return fresh
  }

  /// Takes away fields, and the hash with the last. Returns how many there were.
  mutating func remove(_ fields: [ByteText], at index: Index) -> Int {
    var count = 0
    var removed = 0
    for field in fields {
      if let value = entries.values[index].fields?.removeValue(forKey: field) {
        count += 1
        removed += Self.cost(field, value)
      }
    }
    account(entries.values[index].bytes - removed, at: index)
    if entries.values[index].fields?.isEmpty ?? false { remove(index) }
    return count
  }

  mutating func setDeadline(_ deadline: Duration?, at index: Index) {
    let old = entries.values[index].deadline
    guard old != deadline else { return }
    deadlineCount += (deadline == nil ? 0 : 1) - (old == nil ? 0 : 1)
    entries.values[index].deadline = deadline
    if let deadline { deadlines.insert(entries.keys[index], at: deadline) }
    dropLeftovers()
  }

  mutating func remove(_ index: Index) {
    let (_, entry) = entries.remove(at: index)
    bytes -= entry.bytes
    if entry.deadline != nil { deadlineCount -= 1 }
    dropLeftovers()
  }

  private mutating func insert(
    _ key: ByteText, value: [UInt8], fields: [ByteText: [UInt8]]?, cost: Int,
    until deadline: Duration?
  ) {
    entries[key] = Entry(
      value: value, fields: fields, deadline: deadline, number: nextNumber, bytes: cost)
    order.append((nextNumber, key))
    nextNumber += 1
    bytes += cost
    if let deadline {
      deadlineCount += 1
      deadlines.insert(key, at: deadline)
    }
    dropLeftovers()
  }

  private mutating func account(_ cost: Int, at index: Index) {
    bytes += cost - entries.values[index].bytes
    entries.values[index].bytes = cost
  }

  private static func cost(_ key: ByteText) -> Int { key.text.utf8.count + keyOverhead }

  private static func cost(_ field: ByteText, _ value: [UInt8]) -> Int {
    field.text.utf8.count + value.count + fieldOverhead
  }

  /// Takes away all.
  mutating func removeAll() {
    entries = [:]
    bytes = 0
    order = []
    deadlines = DeadlineHeap()
    deadlineCount = 0
  }

  // MARK: - Tidying

  /// Takes away entries whose time has come, some of them.
  ///
  /// - Complexity: O(limit × log keys).
  mutating func expire(atMost limit: Int, at now: Duration) {
    for _ in 0..<limit {
      guard let item = deadlines.popFirst(dueAt: now) else { return }
      if let index = entries.index(forKey: item.key), isOver(entries.values[index], at: now) {
        remove(index)
      }
    }
  }

  /// Takes away all whose time has come.
  mutating func expireAll(at now: Duration) { expire(atMost: .max, at: now) }

  /// What is refused is not refused because of entries whose time has come.
  private mutating func makeRoom(keys: Int, bytes more: Int, at now: Duration) throws(StorageError)
  {
    if fits(keys: keys, bytes: more) { return }
    expireAll(at: now)
    if fits(keys: keys, bytes: more) { return }
    guard entries.count + keys <= maxKeys else {
      throw StorageError(.refused, "there are \(entries.count) keys, and may be \(maxKeys)")
    }
    throw StorageError(
      .refused, "this would make it \(bytes + more) bytes, and there may be \(maxBytes)")
  }

  /// What makes it no larger always does.
  private func fits(keys: Int, bytes more: Int) -> Bool {
    (keys <= 0 || entries.count + keys <= maxKeys) && (more <= 0 || bytes + more <= maxBytes)
  }

  /// What is out of date takes no more room than what is not. Each costs a step once, so this is a step
  /// for each change on the average.
  private mutating func dropLeftovers() {
    if order.count > 2 * entries.count + 64 {
      order.removeAll { entries[$0.key]?.number != $0.number }
    }
    if deadlines.count > 2 * deadlineCount + 64 {
      deadlines.rebuild(
        entries.compactMap { key, entry in
          entry.deadline.map { DeadlineHeap.Item(deadline: $0, key: key) }
        })
    }
  }
}
