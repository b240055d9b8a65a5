import Holdfast
import Testing

@Suite struct BitmapTests {
  @Test(arguments: [0, 1, 7, 8, 9, 63, 64, 65, 200])
  func `truth values come back`(count: Int) {
    let values = (0..<count).map { $0 % 3 == 0 || $0 % 7 == 2 }
    let bitmap = Bitmap(values)
    #expect(Array(bitmap) == values)
    #expect(bitmap.count == count)
    #expect(bitmap.bytes.count == (count + 7) / 8)
    #expect(Array(bitmap.trueIndices) == values.indices.filter { values[$0] })
  }

  @Test func `the first row is the lowest bit`() throws {
    #expect(Bitmap([true, false, false, false, false, false, false, false, true]).bytes == [1, 1])
    #expect(try Array(Bitmap(bytes: [0b0110], count: 4)) == [false, true, true, false])
  }

  @Test(arguments: [0, 1, 7, 8, 13, 64, 71])
  func `rows begin and end anywhere in the bytes`(offset: Int) throws {
    // Bits before and behind the rows are set, and must not count.
    let values = (0..<150).map { $0 % 5 == 1 || (64..<140).contains($0) }
    let around = [Bool](repeating: true, count: offset)
    for count in [0, 1, 60, 64, 65, 150] {
      let bytes = Bitmap(around + values.prefix(count) + [Bool](repeating: true, count: 80)).bytes
      let bitmap = try Bitmap(bytes: bytes, offset: offset, count: count)
      #expect(Array(bitmap) == Array(values.prefix(count)))
      #expect(Array(bitmap.trueIndices) == (0..<count).filter { values[$0] })
      #expect(bitmap == Bitmap(values.prefix(count)))
      let exact = Array(bytes.prefix((offset + count + 7) / 8))
      #expect(try Bitmap(bytes: exact, offset: offset, count: count) == bitmap)
    }
  }

  @Test func `equality is by rows`() {
    #expect(Bitmap([true, false]) != Bitmap([true, false, false]))
    #expect(Bitmap([true, false]) != Bitmap([false, true]))
    #expect(Bitmap([]) == Bitmap(Array(repeating: true, count: 8).prefix(0)))
  }

  @Test(arguments: [
    (0, -1), (-1, 0), (0, 17), (1, 16), (17, 0), (Int.max, 1), (1, Int.max), (Int.min, 1),
  ])
  func `rows beyond the bytes are refused`(offset: Int, count: Int) {
    let error = #expect(throws: HoldfastError.self) {
      try Bitmap(bytes: [0, 0], offset: offset, count: count)
    }
    #expect(error?.code == .invalidArgument)
    #expect(
      error?.message == "\(count) rows from bit \(offset) on do not fit into 2 bytes")
  }
}
