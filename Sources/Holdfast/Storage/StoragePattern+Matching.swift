extension StoragePattern {
  /// Whether a key is meant.
  ///
  /// - Complexity: O(bytes of the pattern × bytes of the key) at worst, whatever the pattern is; no
  ///   memory.
  public func matches(_ key: String) -> Bool {
    matcher.matches(key)
  }

  /// To ask about many keys.
  var matcher: Matcher { Matcher(glob: Array(glob.utf8)) }

  /// The bytes of a pattern, and how Redis reads them: quirks too, as a store in memory must answer
  /// what a server would.
  ///
  /// All but `*` takes exactly one byte. So when what follows a star cannot be found, no earlier star
  /// can help by taking more, and one place to go back to is enough: Redis itself, asked in a
  /// recursion, took exponential time until it learned that.
  struct Matcher: Sendable {
    fileprivate let glob: [UInt8]

    func matches(_ key: String) -> Bool {
      var key = key
      // Safe: the bytes are only read, during the call.
      return key.withUTF8 { unsafe matches($0.span) }
    }

    private func matches(_ key: borrowing Span<UInt8>) -> Bool {
      // Redis asks a pattern of one star nothing. Of any other an empty key has no byte to look at, so
      // that not even two stars match it.
      if glob == [star] { return true }
      if key.isEmpty { return glob.isEmpty }
      var place = 0
      var at = 0
      // Where to go on when the rest does not match: behind the last star, with one byte more for it.
      var retry: (place: Int, at: Int)?
      while at < key.count {
        if place < glob.count, glob[place] == star {
          while place < glob.count, glob[place] == star { place += 1 }
          if place == glob.count { return true }
          retry = (place, at)
        } else if let next = step(place, key[at]) {
          place = next
          at += 1
        } else if let (behind, from) = retry {
          retry = (behind, from + 1)
          place = behind
          at = from + 1
        } else {
          return false
        }
        // The key has ended: stars may take nothing, and whatever else there is takes too much. If it
        // was cut off by a star, taking more for that leaves even less.
        if at == key.count { return glob[place...].allSatisfy { $0 == star } }
      }
      return false
    }

    /// Where the pattern goes on if what stands there, which is no star, takes the byte.
    private func step(_ place: Int, _ byte: UInt8) -> Int? {
      guard place < glob.count else { return nil }
      switch glob[place] {
      case UInt8(ascii: "?"): return place + 1
      case UInt8(ascii: "["): return set(from: place + 1, byte)
      case backslash where place + 1 < glob.count:
        return glob[place + 1] == byte ? place + 2 : nil
      default: return glob[place] == byte ? place + 1 : nil
      }
    }

    /// `place` is behind the bracket.
    private func set(from place: Int, _ byte: UInt8) -> Int? {
      var place = place
      let isNegated = place < glob.count && glob[place] == UInt8(ascii: "^")
      if isNegated { place += 1 }
      var isIn = false
      while place < glob.count {
        if glob[place] == backslash, place + 1 < glob.count {
          if glob[place + 1] == byte { isIn = true }
          place += 2
        } else if glob[place] == UInt8(ascii: "]") {
          // Also the first: such a set is empty.
          place += 1
          break
        } else if place + 2 < glob.count, glob[place + 1] == UInt8(ascii: "-") {
          if isBetween(byte, glob[place], glob[place + 2]) { isIn = true }
          place += 3
        } else {
          if glob[place] == byte { isIn = true }
          place += 1
        }
      }
      return isIn != isNegated ? place : nil
    }

    /// In either order, and as signed bytes: so a server compares them on x86-64.
    private func isBetween(_ byte: UInt8, _ one: UInt8, _ other: UInt8) -> Bool {
      let (one, other) = (Int8(bitPattern: one), Int8(bitPattern: other))
      return (min(one, other)...max(one, other)).contains(Int8(bitPattern: byte))
    }
  }
}

private let star = UInt8(ascii: "*")
private let backslash = UInt8(ascii: "\\")
