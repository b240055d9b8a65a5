/// Text as a JSON string.
enum JSONText {
  /// Writes the escape of a byte that cannot stand for itself; at most 6 bytes.
  static func escape(_ byte: UInt8, to target: UnsafeMutablePointer<UInt8>) -> Int {
    unsafe target[0] = 0x5C
    let short: UInt8? =
      switch byte {
      case 0x22, 0x5C: byte
      case 0x08: UInt8(ascii: "b")
      case 0x09: UInt8(ascii: "t")
      case 0x0A: UInt8(ascii: "n")
      case 0x0C: UInt8(ascii: "f")
      case 0x0D: UInt8(ascii: "r")
      default: nil
      }
    if let short {
      unsafe target[1] = short
      return 2
    }
    let digits: StaticString = "0123456789abcdef"
    unsafe target[1] = UInt8(ascii: "u")
    unsafe target[2] = 0x30
    unsafe target[3] = 0x30
    unsafe target[4] = digits.utf8Start[Int(byte >> 4)]
    unsafe target[5] = digits.utf8Start[Int(byte & 15)]
    return 6
  }

  /// A whole string, quotes included.
  static func quoted(_ text: String) -> String {
    var result: [UInt8] = [0x22]
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 6) { room in
      guard let start = room.baseAddress else { return }
      for byte in text.utf8 {
        if byte >= 0x20, byte != 0x22, byte != 0x5C {
          result.append(byte)
        } else {
          let length = unsafe escape(byte, to: start)
          unsafe result.append(contentsOf: room[..<length])
        }
      }
    }
    result.append(0x22)
    return String(decoding: result, as: UTF8.self)
  }
}
