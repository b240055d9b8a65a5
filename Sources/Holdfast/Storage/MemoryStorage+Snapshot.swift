import CHoldfast

// A snapshot:
//
//     "HFSTORE" and the version, 1, in a byte
//     how many keys there are
//     how many bytes they take
//     the keys, from the oldest to the newest, each:
//         its TTL in milliseconds as it was left, or 0
//         its bytes
//         0 and the bytes of its value; or the number of its fields and the bytes of each and its value
//     XXH3, 64 bits, of all before
//
// The numbers have eight bytes, little-endian; before bytes stands how many there are. The checksum
// finds what was torn or altered by accident; whatever else is wrong is found before any of it is put.

private let magic = Array("HFSTORE".utf8) + [1]
private let headBytes = 24
private let checksumBytes = 8

extension MemoryStorage {
  /// Writes what it holds to a file, with what is left of the TTLs: the time until a restore does not
  /// count. The file appears whole or not at all, also when the machine stops meanwhile.
  ///
  /// It waits for the disk, so a task of its own is a good place. Other operations do not wait: what
  /// they change meanwhile is not in the file. A closed storage may be saved too.
  ///
  /// - Throws: ``StorageError/Code/file``; a file that was there is as it was.
  /// - Complexity: O(keys × log keys + bytes), and as much memory again.
  public func save(to path: String) throws(StorageError) {
    let (table, now) = present
    try SnapshotFile.replace(path, with: Self.snapshot(of: table, at: now))
  }

  /// Holds what a file holds that ``save(to:)`` wrote, and nothing else. A scan that is under way then
  /// may miss keys. Subscriptions go on.
  ///
  /// - Throws: ``StorageError/Code/file``, also when there is no such file, or it is torn, altered or of
  ///   another version; ``StorageError/Code/refused`` when it holds more than may be: nothing changed
  ///   then.
  /// - Complexity: O(keys + bytes).
  public func restore(from path: String) throws(StorageError) {
    let bytes = try SnapshotFile.bytes(of: path, headBytes: headBytes) {
      (head, length) throws(StorageError) in
      try Self.checkHead(head, length, path)
      // A key is counted as more than it takes here, so that this much memory is never needed.
      guard length - headBytes - checksumBytes <= limits.bytes else {
        throw StorageError(
          .refused, "'\(path.onOneLine)' holds \(length) bytes, and there may be \(limits.bytes)")
      }
    }
    var reader = SnapshotReader(bytes: bytes)
    let now = present.now
    var table = MemoryTable(maxKeys: limits.keys, maxBytes: limits.bytes)
    guard try Self.fill(&table, from: &reader, at: now, path) else {
      throw StorageError(.file, "'\(path.onOneLine)' holds something that is no key")
    }
    change { present, _ in present = table }
  }

  private static func snapshot(of table: MemoryTable, at now: Duration) -> [UInt8] {
    var body: [UInt8] = []
    let live = table.entries.filter { $1.deadline.map { $0 > now } ?? true }
    body.reserveCapacity(table.bytes + headBytes + checksumBytes)
    body += magic
    body.appendNumber(UInt64(live.count))
    body.appendNumber(0)
    for (key, entry) in live.sorted(by: { $0.value.number < $1.value.number }) {
      let left = entry.deadline.map { ($0 - now).wholeMilliseconds ?? 0 } ?? 0
      body.appendNumber(left)
      body.appendBytes(key.text.utf8)
      body.appendNumber(UInt64(entry.fields?.count ?? 0))
      if let fields = entry.fields {
        for (field, value) in fields {
          body.appendBytes(field.text.utf8)
          body.appendBytes(value)
        }
      } else {
        body.appendBytes(entry.value)
      }
    }
    body.setNumber(UInt64(body.count - headBytes), at: 16)
    body.appendNumber(body[...].checksum)
    return body
  }

  private static func checkHead(_ head: [UInt8], _ length: Int, _ path: String) throws(StorageError)
  {
    func bad(_ what: String) -> StorageError { StorageError(.file, "'\(path.onOneLine)' \(what)") }
    guard head.starts(with: magic.dropLast()) else { throw bad("is no snapshot of a storage") }
    guard head.starts(with: magic) else { throw bad("was saved in another version of the format") }
    guard head.count == headBytes, length >= headBytes + checksumBytes,
      head.number(at: 16) == UInt64(length - headBytes - checksumBytes)
    else { throw bad("was cut short, or goes on too long") }
  }

  /// Whether the bytes were keys to their end.
  private static func fill(
    _ table: inout MemoryTable, from reader: inout SnapshotReader, at now: Duration, _ path: String
  ) throws(StorageError) -> Bool {
    let bytes = reader.bytes
    try checkHead(Array(bytes.prefix(headBytes)), bytes.count, path)
    let end = bytes.count - checksumBytes
    guard bytes[..<end].checksum == bytes.number(at: end) else {
      throw StorageError(.file, "'\(path.onOneLine)' was altered: its checksum is another")
    }
    reader.limit(from: headBytes, to: end)
    for _ in 0..<bytes.number(at: 8) {
      guard let left = reader.number(), left <= UInt64(1) << 46, let key = reader.text(),
        let fieldCount = reader.number(), table.find(ByteText(key), at: now) == nil
      else { return false }
      if fieldCount == 0 {
        guard let value = reader.run() else { return false }
        try table.set(ByteText(key), to: value, until: nil, at: now)
      } else {
        var fields: [ByteText: [UInt8]] = [:]
        for _ in 0..<fieldCount {
          guard let field = reader.text(), let value = reader.run(),
            fields.updateValue(value, forKey: ByteText(field)) == nil
          else { return false }
        }
        _ = try table.set(ByteText(key), fields: fields, at: now)
      }
      if left > 0, let index = table.find(ByteText(key), at: now) {
        table.setDeadline(now + .milliseconds(Int64(left)), at: index)
      }
    }
    return reader.isAtEnd
  }
}

/// Reads what a snapshot is made of, and nothing where it is not there.
private struct SnapshotReader {
  let bytes: [UInt8]
  private var at = 0
  private var end = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { at == end }

  mutating func limit(from start: Int, to end: Int) {
    at = start
    self.end = end
  }

  mutating func number() -> UInt64? {
    guard end - at >= 8 else { return nil }
    defer { at += 8 }
    return bytes.number(at: at)
  }

  mutating func run() -> [UInt8]? {
    guard let count = number(), count <= UInt64(end - at) else { return nil }
    defer { at += Int(count) }
    return Array(bytes[at..<at + Int(count)])
  }

  mutating func text() -> String? { run().flatMap { String(validating: $0, as: UTF8.self) } }
}

extension ArraySlice<UInt8> {
  /// To find what was torn or altered by accident.
  var checksum: UInt64 {
    unsafe withUnsafeBytes { bytes in unsafe hf_checksum(bytes.baseAddress, bytes.count) }
  }
}

extension [UInt8] {
  fileprivate mutating func appendNumber(_ number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) {
      append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  fileprivate mutating func appendBytes(_ bytes: some Collection<UInt8>) {
    appendNumber(UInt64(bytes.count))
    append(contentsOf: bytes)
  }

  fileprivate mutating func setNumber(_ number: UInt64, at place: Int) {
    for byte in 0..<8 { self[place + byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
  }

  fileprivate func number(at place: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(self[place + $1]) << (8 * $1) }
  }
}
