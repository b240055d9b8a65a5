/// A text that is equal to another when their bytes are.
///
/// `String` takes `é` for equal to `e` with an accent after it. To a server these are two keys, and so
/// they are here.
struct ByteText: Hashable, Sendable {
  let text: String

  init(_ text: String) {
    var text = text
    text.makeContiguousUTF8()
    self.text = text
  }

  static func == (left: ByteText, right: ByteText) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { bytes in
      // Safe: the bytes are there for the call.
      unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
    }
  }
}

extension String {
  /// The text without its first bytes, which end with a character of Unicode.
  func dropping(bytes count: Int) -> String { String(Substring(utf8.dropFirst(count))) }
}
