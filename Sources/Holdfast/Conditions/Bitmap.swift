/// A bit for each row: a collection of `Bool` in an eighth of the memory.
///
/// ```swift
/// for row in try condition.evaluate(columns).held.trueIndices {
///   page(events[row])
/// }
/// ```
///
/// The layout is that of Apache Arrow: row `i` is bit `i % 8`, counted from the least significant, of
/// byte `i / 8`.
public struct Bitmap: Sendable {
  /// The bytes; those of the rows begin with bit ``offset``.
  public let bytes: [UInt8]

  /// Where in ``bytes`` the first row's bit is.
  public let offset: Int

  /// How many rows it has.
  ///
  /// - Complexity: O(1).
  public let count: Int

  /// Makes a bitmap from a truth value for each row.
  ///
  /// - Complexity: O(n).
  public init(_ values: some Sequence<Bool>) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.underestimatedCount / 8 + 1)
    var count = 0
    for value in values {
      if count % 8 == 0 { bytes.append(0) }
      if value { bytes[count / 8] |= 1 << (count % 8) }
      count += 1
    }
    self.init(holding: bytes, count: count)
  }

  /// Makes a bitmap from bytes that are one already. They are kept, not copied.
  ///
  /// - Parameters:
  ///   - bytes: least significant bit first; what stands before and behind the rows is ignored.
  ///   - offset: where the first row's bit is.
  ///   - count: how many rows there are.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when there are fewer bits, or a number is
  ///   negative.
  /// - Complexity: O(1).
  public init(bytes: [UInt8], offset: Int = 0, count: Int) throws(HoldfastError) {
    guard offset >= 0, count >= 0, count <= 8 * bytes.count - offset else {
      throw HoldfastError(
        invalidArgument:
          "\(count) rows from bit \(offset) on do not fit into \(bytes.count) bytes")
    }
    self.init(holding: bytes, offset: offset, count: count)
  }

  init(holding bytes: [UInt8], offset: Int = 0, count: Int) {
    self.bytes = bytes
    self.offset = offset
    self.count = count
  }
}

extension Bitmap: RandomAccessCollection {
  /// 0.
  public var startIndex: Int { 0 }

  /// ``count``.
  public var endIndex: Int { count }

  /// Whether a row's bit is set. The row must be one of the bitmap's.
  ///
  /// - Complexity: O(1).
  public subscript(row: Int) -> Bool {
    precondition((0..<count).contains(row), "row \(row) of \(count)")
    let bit = offset + row
    return bytes[bit / 8] >> (bit % 8) & 1 != 0
  }
}

extension Bitmap: Equatable {
  /// Whether both have the same rows; where in their bytes those are does not matter.
  public static func == (a: Bitmap, b: Bitmap) -> Bool {
    a.count == b.count && a.trueIndices.elementsEqual(b.trueIndices)
  }
}

extension Bitmap {
  /// The rows whose bit is set, in ascending order.
  ///
  /// - Complexity: O(n / 64 + rows that are set) for all of them.
  public var trueIndices: TrueIndices { TrueIndices(bitmap: self) }

  /// The rows of a ``Bitmap`` whose bit is set, in ascending order.
  public struct TrueIndices: Sequence, Sendable {
    let bitmap: Bitmap

    /// An iterator from the first of them on.
    public func makeIterator() -> Iterator { Iterator(bitmap) }

    /// Goes from one to the next.
    public struct Iterator: IteratorProtocol, Sendable {
      private let bytes: [UInt8]
      private let offset: Int
      /// The bit behind the last row's.
      private let end: Int
      /// The first bit of `word`, in which the bits that were returned are 0.
      private var base: Int
      private var word: UInt64

      init(_ bitmap: Bitmap) {
        bytes = bitmap.bytes
        offset = bitmap.offset
        end = bitmap.offset + bitmap.count
        base = bitmap.offset / 8 * 8
        word = bytes.word(at: base / 8) & (~0 << UInt64(offset % 8))
      }

      /// The next row; `nil` behind the last.
      public mutating func next() -> Int? {
        while word == 0 {
          base += 64
          if base >= end { return nil }
          word = bytes.word(at: base / 8)
        }
        let bit = base + word.trailingZeroBitCount
        word &= word - 1
        return bit < end ? bit - offset : nil
      }
    }
  }
}

extension [UInt8] {
  /// Eight bytes, the first the lowest; 0 for those behind the last.
  fileprivate func word(at start: Int) -> UInt64 {
    if start + 8 <= count {
      return unsafe withUnsafeBytes { bytes in
        UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
      }
    }
    return self[Swift.min(start, count)...].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
