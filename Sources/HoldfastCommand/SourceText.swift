/// A text file with the places in it, as messages name them.
///
/// Neither a place nor the line that is shown with it takes longer in a larger file: a file may
/// have as many problems as it has bytes, and all of it may be one line.
struct SourceText {
  let name: String
  let bytes: [UInt8]

  /// What lies before a block of the file.
  private struct Mark {
    /// The number from 1 of the line that goes on into the block.
    var line = 1
    /// Where that line starts.
    var lineStart = 0
    /// Characters between there and the block.
    var column = 0
  }

  private static let blockBytes = 4096
  /// One for each block, and one for what would follow the last.
  private let marks: [Mark]

  init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
    var marks = [Mark()]
    var start = 0
    while start + Self.blockBytes <= bytes.count {
      let end = start + Self.blockBytes
      marks.append(Self.mark(at: end, after: marks[marks.count - 1], from: start, in: bytes))
      start = end
    }
    self.marks = marks
  }

  private static func mark(
    at offset: Int, after mark: Mark, from start: Int, in bytes: [UInt8]
  ) -> Mark {
    var mark = mark
    for position in start..<offset {
      let byte = bytes[position]
      if byte == 0x0A {
        mark = Mark(line: mark.line + 1, lineStart: position + 1)
      } else if !isContinuation(byte) {
        mark.column += 1
      }
    }
    return mark
  }

  /// Whether it goes on with a character of UTF-8 that another byte began.
  private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  private func mark(at offset: Int) -> Mark {
    let block = offset / Self.blockBytes
    return Self.mark(at: offset, after: marks[block], from: block * Self.blockBytes, in: bytes)
  }

  /// `FILE:LINE:COLUMN`, both from 1, the column in characters.
  func place(of offset: Int) -> String {
    let mark = mark(at: offset)
    return "\(Messages.visible(name)):\(mark.line):\(mark.column + 1)"
  }

  /// The line with a caret under `length` bytes from `offset` on; a long line is cut.
  func caret(at offset: Int, length: Int) -> String {
    let mark = mark(at: offset)
    let widest = 72
    // Enough for the widest text there can be, with 4 bytes a character and one cut in half.
    let reach = 300
    let farthest = min(offset + 2 * reach, bytes.count)
    let lineEnd = bytes[offset..<farthest].firstIndex(of: 0x0A) ?? farthest
    let end = min(offset + length, offset + reach, lineEnd)
    var start = max(mark.lineStart, offset - reach)
    while start < offset, Self.isContinuation(bytes[start]) { start += 1 }
    let before = visible(start..<offset)
    let marked = visible(offset..<end).prefix(widest)
    let after = visible(end..<lineEnd)

    let shownBefore = before.suffix(widest / 2)
    let shownAfter = after.prefix(max(0, widest - shownBefore.count - marked.count))
    let number = String(mark.line)
    let gutter = String(repeating: " ", count: number.count)
    let cutBefore = shownBefore.count < before.count ? "..." : ""
    let cutAfter = shownAfter.count < after.count ? "..." : ""
    let indentation = String(repeating: " ", count: cutBefore.count + shownBefore.count)
    let tail = String(repeating: "~", count: max(0, marked.count - 1))
    return """
        \(number) | \(cutBefore)\(String.UnicodeScalarView(shownBefore))\
      \(String.UnicodeScalarView(marked))\(String.UnicodeScalarView(shownAfter))\(cutAfter)
        \(gutter) | \(indentation)^\(tail)
      """
  }

  /// Control characters, tabs among them, as spaces: the caret would not stand under its fault.
  private func visible(_ range: Range<Int>) -> [Unicode.Scalar] {
    Array(Messages.visible(String(decoding: bytes[range], as: UTF8.self)).unicodeScalars)
  }
}
