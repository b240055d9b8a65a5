import CEventReader
import Glibc

/// Bytes on their way to a file descriptor, gathered in a block.
///
/// To a pipe or a terminal it writes only as much as is taken at once, so that Ctrl-C, and the end of
/// its time, end a run whose reader has stopped reading.
@safe final class Output {
  private let descriptor: Int32
  private let name: String
  private let closes: Bool
  private let isFile: Bool
  private let isTerminal: Bool
  private var bytes: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var count = 0
  /// When what is left is given up, once the run is to end.
  private var lastEnd: Nanoseconds?

  /// Bytes that it gathers before it writes.
  private static let blockSize = 256 * 1024

  /// - Parameters:
  ///   - descriptor: open for writing.
  ///   - name: how messages call it.
  ///   - closes: whether it is closed at the end.
  init(_ descriptor: Int32, name: String, closes: Bool = false) {
    self.descriptor = descriptor
    self.name = name
    self.closes = closes
    var status = stat()
    self.isFile = unsafe fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG
    self.isTerminal = isatty(descriptor) == 1
    self.capacity = Self.blockSize
    unsafe self.bytes = .allocate(capacity: Self.blockSize)
  }

  static func standard() -> Output { Output(STDOUT_FILENO, name: "standard output") }

  deinit {
    unsafe bytes.deallocate()
    if closes { close(descriptor) }
  }

  /// Makes room for `length` more bytes, writing what is there if it must.
  private func reserve(_ length: Int) throws(CommandFailure) {
    if length <= capacity - count { return }
    try flush()
    if length > capacity {
      unsafe bytes.deallocate()
      unsafe bytes = .allocate(capacity: length)
      capacity = length
    }
  }

  func append(_ part: UnsafeBufferPointer<UInt8>) throws(CommandFailure) {
    try reserve(part.count)
    if let start = part.baseAddress {
      unsafe (bytes + count).update(from: start, count: part.count)
      count += part.count
    }
  }

  func append(_ part: [UInt8]) throws(CommandFailure) {
    try reserve(part.count)
    unsafe part.withUnsafeBufferPointer { part in
      guard let start = part.baseAddress else { return }
      unsafe (bytes + count).update(from: start, count: part.count)
    }
    count += part.count
  }

  func append(_ text: String) throws(CommandFailure) {
    try append(Array(text.utf8))
  }

  func append(byte: UInt8) throws(CommandFailure) {
    try reserve(1)
    unsafe bytes[count] = byte
    count += 1
  }

  /// A number as JSON has it, in its shortest form.
  func append(number: Double) throws(CommandFailure) {
    let room = Int(ER_NUMBER_BYTES)
    try reserve(room)
    count += unsafe (bytes + count).withMemoryRebound(to: CChar.self, capacity: room) {
      unsafe er_format_number(number, $0)
    }
  }

  func append(_ time: Timestamp) throws(CommandFailure) {
    try reserve(Timestamp.longestText)
    count += unsafe time.write(to: bytes + count)
  }

  func append(integer: UInt64) throws(CommandFailure) {
    try reserve(20)
    var rest = integer
    var length = 1
    while rest >= 10 {
      rest /= 10
      length += 1
    }
    rest = integer
    for place in stride(from: count + length - 1, through: count, by: -1) {
      unsafe bytes[place] = 0x30 + UInt8(rest % 10)
      rest /= 10
    }
    count += length
  }

  /// Text between quotes, escaped as JSON asks for.
  func append(json text: UnsafeBufferPointer<UInt8>) throws(CommandFailure) {
    try reserve(text.count * 6 + 2)
    var end = unsafe bytes + count
    unsafe end.pointee = 0x22
    unsafe end += 1
    for index in 0..<text.count {
      let byte = unsafe text[index]
      if byte >= 0x20, byte != 0x22, byte != 0x5C {
        unsafe end.pointee = byte
        unsafe end += 1
      } else {
        unsafe end += JSONText.escape(byte, to: end)
      }
    }
    unsafe end.pointee = 0x22
    count = unsafe end - bytes + 1
  }

  /// Writes everything that was gathered.
  ///
  /// - Throws: when the disk is full, the reader has closed its end, and the like.
  func flush() throws(CommandFailure) {
    var start = 0
    defer { count = 0 }
    if isTerminal { Messages.clearStatus() }
    while start < count {
      var length = count - start
      if !isFile {
        // What poll calls ready takes this much without blocking.
        length = min(length, 4096)
        if !Interruption.waitToWrite(descriptor, end: &lastEnd) {
          throw CommandFailure(
            "\(count - start) bytes of output were not taken by the reader of"
              + " \(Messages.visible(name)) in time")
        }
      }
      let written = unsafe write(descriptor, bytes + start, length)
      if written >= 0 {
        start += written
      } else if errno != EINTR && errno != EAGAIN {
        throw CommandFailure("cannot write to \(Messages.visible(name)): \(explanation(errno))")
      }
    }
  }

  private func explanation(_ number: Int32) -> String {
    switch number {
    case EPIPE: "its reader has closed it (broken pipe)"
    case ENOSPC: "the disk is full (no space left on device)"
    case EFBIG: "it would be larger than the limit for files (file too large)"
    default: systemMessage(number)
    }
  }
}
