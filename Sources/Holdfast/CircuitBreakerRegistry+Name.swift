extension CircuitBreakerRegistry {
  /// A name as the core tells names apart: by its bytes in UTF-8. Equal strings may have different
  /// ones, such as "é" as one scalar and as two.
  struct Name: Hashable {
    let text: String

    init(_ text: String) {
      self.text = text
    }

    static func == (one: Name, other: Name) -> Bool {
      one.text.utf8.elementsEqual(other.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
      var contiguous = text
      contiguous.withUTF8 { utf8 in
        unsafe hasher.combine(bytes: UnsafeRawBufferPointer(utf8))
      }
    }
  }
}
