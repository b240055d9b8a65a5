import CEventReader
import Glibc
import Holdfast

/// Events from a file or a pipe.
@safe struct EventStream: ~Copyable {
  enum Item {
    /// Its values are at ``values`` until the next call.
    case event(isComplete: Bool)
    case malformed(er_fault, line: UInt64)
    /// The reader needs ``fill()``.
    case needsInput
    case end
  }

  let name: String
  let descriptor: Int32
  /// Bytes, where it is a file.
  let size: Int?
  private(set) var bytesRead = 0
  private let columns: [RuleSet.Column]
  private let closes: Bool
  private let reader: OpaquePointer

  /// - Parameters:
  ///   - path: `nil` for standard input.
  init(
    path: String?, format: RunOptions.Format, columns: [RuleSet.Column]
  ) throws(CommandFailure) {
    let descriptor =
      try path.map { path throws(CommandFailure) in
        try InputFile.open(path)
      } ?? STDIN_FILENO
    guard let reader = unsafe Self.makeReader(format, columns) else {
      if path != nil { close(descriptor) }
      throw CommandFailure("out of memory")
    }
    unsafe self.reader = reader
    self.columns = columns
    self.descriptor = descriptor
    self.closes = path != nil
    self.name = path ?? "standard input"
    var status = stat()
    let isFile = unsafe fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG
    self.size = isFile ? Int(status.st_size) : nil
  }

  deinit {
    unsafe er_destroy(reader)
    if closes { close(descriptor) }
  }

  private static func makeReader(
    _ format: RunOptions.Format, _ columns: [RuleSet.Column]
  ) -> OpaquePointer? {
    // One block of names, so that every pointer into it stays valid together.
    let names = columns.flatMap { Array($0.name.utf8) }
    return unsafe names.withUnsafeBytes { names in
      var start = 0
      let descriptions: [er_column] = unsafe columns.map { column in
        let length = column.name.utf8.count
        defer { start += length }
        return unsafe er_column(
          name: names.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self),
          name_length: length, type: column.type.readerType, optional: column.variable == nil)
      }
      return unsafe er_create(
        format == .csv ? ER_CSV : ER_JSON_LINES, descriptions, descriptions.count,
        Int(ER_EVENT_MAX_BYTES))
    }
  }

  /// The values of the event, one for each column.
  var values: UnsafeMutablePointer<er_value> { unsafe er_values(reader) }

  mutating func next() throws(CommandFailure) -> Item {
    switch unsafe er_next(reader) {
    case ER_EVENT: return unsafe .event(isComplete: er_complete(reader))
    case ER_NEEDS_INPUT: return .needsInput
    case ER_MALFORMED:
      return unsafe .malformed(er_event_fault(reader), line: er_line(reader))
    case ER_END: return .end
    case ER_BAD_HEADER:
      let fault = unsafe Self.description(er_event_fault(reader))
      throw CommandFailure("\(name):\(unsafe er_line(reader)): cannot read the header: \(fault)")
    case ER_REPEATED_COLUMN:
      let column = columns[unsafe er_repeated_column(reader)].name
      throw CommandFailure("\(name): the header names the column '\(column)' twice")
    default: throw CommandFailure("out of memory")
    }
  }

  /// Reads what is there, waiting for it if it must; at the end of the input says so to the reader.
  mutating func fill() throws(CommandFailure) {
    var capacity = 0
    guard let room = unsafe er_block(reader, &capacity) else {
      throw CommandFailure("out of memory")
    }
    let count = unsafe read(descriptor, room, capacity)
    if count > 0 {
      bytesRead += count
      unsafe er_supply(reader, count)
    } else if count == 0 {
      unsafe er_finish(reader)
    } else if errno != EINTR && errno != EAGAIN {
      throw CommandFailure("cannot read \(name): \(systemMessage(errno))")
    }
  }

  /// CSV: the columns that the header lacks, once it was read.
  func lacks(column: Int) -> Bool {
    unsafe er_has_header(reader) && !er_has_column(reader, column)
  }
}

extension EventStream {
  static func description(_ fault: er_fault) -> String {
    unsafe String(cString: er_fault_description(fault))
  }
}

extension Schema.VariableType {
  fileprivate var readerType: er_type {
    switch self {
    case .any: ER_TYPE_ANY
    case .number: ER_TYPE_NUMBER
    case .string: ER_TYPE_STRING
    case .boolean: ER_TYPE_BOOLEAN
    }
  }
}
