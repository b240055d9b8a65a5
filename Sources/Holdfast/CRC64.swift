/// The checksum CRC-64/XZ (ECMA-182, reflected), which finds all that is wrong within eight bytes, and
/// all else but once in 2^64.
enum CRC64 {
  private static let table: [UInt64] = (0..<256).map { byte in
    (0..<8).reduce(UInt64(byte)) { crc, _ in
      crc & 1 == 1 ? crc >> 1 ^ 0xC96C_5795_D787_0F42 : crc >> 1
    }
  }

  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    let table = table
    return ~bytes.reduce(~0) { crc, byte in
      crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
    }
  }
}
