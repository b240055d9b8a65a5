/// A text file with the places in it, as messages name them.
struct SourceText {
  let name: String
  let bytes: [UInt8]

  /// Where a line starts and ends that holds `offset`, and its number from 1.
  private func line(at offset: Int) -> (number: Int, range: Range<Int>) {
    let start = (bytes[..<offset].lastIndex(of: 0x0A) ?? -1) + 1
    let end = bytes[offset...].firstIndex(of: 0x0A) ?? bytes.count
    return (1 + bytes[..<start].count { $0 == 0x0A }, start..<end)
  }

  /// `FILE:LINE:COLUMN`, both from 1, the column in characters.
  func place(of offset: Int) -> String {
    let line = line(at: offset)
    let before = String(decoding: bytes[line.range.lowerBound..<offset], as: UTF8.self)
    return "\(name):\(line.number):\(before.unicodeScalars.count + 1)"
  }

  /// The line with a caret under `length` bytes from `offset` on; a long line is cut.
  func caret(at offset: Int, length: Int) -> String {
    let line = line(at: offset)
    let widest = 72
    let end = min(offset + length, line.range.upperBound)
    let before = visible(line.range.lowerBound..<offset)
    let marked = visible(offset..<max(offset, end)).prefix(widest)
    let after = visible(max(offset, end)..<line.range.upperBound)

    let shownBefore = before.suffix(widest / 2)
    let shownAfter = after.prefix(max(0, widest - shownBefore.count - marked.count))
    let number = String(line.number)
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
    String(decoding: bytes[range], as: UTF8.self).unicodeScalars.map {
      $0.properties.generalCategory == .control ? " " : $0
    }
  }
}
