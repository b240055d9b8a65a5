import Glibc

/// Lines of a stream, one at a time, none longer than a limit.
struct LineReader {
  enum Item {
    /// Without its line end; never blank.
    case line([UInt8])
    /// A line that was skipped because of its length.
    case tooLong
    /// No whole line is there; the next call waits for more.
    case wouldWait
    case end
  }

  static let longestBytes = 4 * 1024 * 1024

  private let descriptor: Int32
  private let name: String
  private var bytes: [UInt8] = []
  private var start = 0
  /// Bytes from `start` on that are known to hold no line end.
  private var searched = 0
  private var isDiscarding = false
  private var isAtEnd = false
  private var hasYielded = true

  init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  mutating func next() throws(CommandFailure) -> Item {
    while true {
      if let end = bytes[(start + searched)...].firstIndex(of: 0x0A) {
        let line = bytes[start..<end]
        start = end + 1
        searched = 0
        if isDiscarding {
          isDiscarding = false
        } else if line.count > Self.longestBytes {
          return .tooLong
        } else if !isBlank(line) {
          return .line(Array(line))
        }
        continue
      }
      searched = bytes.count - start
      if isAtEnd {
        let line = bytes[start...]
        start = bytes.count
        searched = 0
        return isDiscarding || isBlank(line) ? .end : .line(Array(line))
      }
      if searched > Self.longestBytes || isDiscarding {
        let begins = !isDiscarding
        isDiscarding = true
        bytes.removeAll(keepingCapacity: true)
        start = 0
        searched = 0
        if begins { return .tooLong }
      }
      if !hasYielded {
        hasYielded = true
        return .wouldWait
      }
      try fill()
    }
  }

  private func isBlank(_ line: ArraySlice<UInt8>) -> Bool {
    line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
  }

  private mutating func fill() throws(CommandFailure) {
    bytes.removeSubrange(..<start)
    start = 0
    guard let block = readSome() else {
      throw CommandFailure("cannot read \(name): \(systemMessage(errno))")
    }
    isAtEnd = block.isEmpty
    hasYielded = isAtEnd
    bytes += block
  }

  private func readSome() -> [UInt8]? {
    while true {
      var count = 0
      let block = unsafe [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, initialized in
        unsafe count = read(descriptor, buffer.baseAddress, buffer.count)
        initialized = max(0, count)
      }
      if count >= 0 { return block }
      if errno != EINTR { return nil }
    }
  }
}
