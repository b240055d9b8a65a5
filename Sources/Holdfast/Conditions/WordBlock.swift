import CHoldfast

/// Strings as the C core takes them: all their bytes in one block, and where each stands in it.
@safe final class WordBlock: Sendable {
  /// Sendable: written in `init` only, freed in `deinit` only.
  private nonisolated(unsafe) let bytes: UnsafeMutableBufferPointer<CChar>
  nonisolated(unsafe) let words: UnsafeMutableBufferPointer<hf_word>

  init(_ strings: [String]) {
    let length = strings.reduce(0) { $0 + $1.utf8.count }
    unsafe bytes = .allocate(capacity: length)
    unsafe words = .allocate(capacity: strings.count)
    var end = 0
    for (index, string) in strings.enumerated() {
      let start = end
      for byte in string.utf8 {
        unsafe bytes.initializeElement(at: end, to: CChar(bitPattern: byte))
        end += 1
      }
      unsafe words.initializeElement(
        at: index,
        to: hf_word(bytes: bytes.baseAddress?.advanced(by: start), length_bytes: end - start))
    }
  }

  deinit {
    unsafe bytes.deallocate()
    unsafe words.deallocate()
  }
}
