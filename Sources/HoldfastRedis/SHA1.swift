/// The name of a script (FIPS 180-4, section 6.1). It protects nothing: the server chose it.
enum SHA1 {
  static func hexadecimal(of message: [UInt8]) -> String {
    var hash: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
      0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0
    )
    var padded = message
    padded.append(0x80)
    while padded.count % 64 != 56 { padded.append(0) }
    let bits = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) {
      padded.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
    }

    for start in stride(from: 0, to: padded.count, by: 64) {
      var words = (0..<16).map { word in
        (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(padded[start + word * 4 + $1]) }
      }
      for index in 16..<80 {
        let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
        words.append(rotated(mixed, 1))
      }
      var (a, b, c, d, e) = hash
      for (index, word) in words.enumerated() {
        let mix: UInt32
        let constant: UInt32
        switch index {
        case 0..<20: (mix, constant) = ((b & c) | (~b & d), 0x5a82_7999)
        case 20..<40: (mix, constant) = (b ^ c ^ d, 0x6ed9_eba1)
        case 40..<60: (mix, constant) = ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
        default: (mix, constant) = (b ^ c ^ d, 0xca62_c1d6)
        }
        (a, b, c, d, e) = (rotated(a, 5) &+ mix &+ e &+ constant &+ word, a, rotated(b, 30), c, d)
      }
      hash = (hash.0 &+ a, hash.1 &+ b, hash.2 &+ c, hash.3 &+ d, hash.4 &+ e)
    }
    return [hash.0, hash.1, hash.2, hash.3, hash.4].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }
    .joined()
  }

  private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word << count | word >> (32 - count)
  }
}
