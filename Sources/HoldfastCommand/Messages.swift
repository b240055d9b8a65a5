import Glibc
import Synchronization

/// What the program says beside its results: on standard error, in colour only on a terminal.
enum Messages {
  static let isTerminal = isatty(STDERR_FILENO) == 1

  /// https://no-color.org
  private static let usesColour: Bool = {
    let wish = unsafe getenv("NO_COLOR")
    let isWished = unsafe wish == nil || wish?.pointee == 0
    return isTerminal && isWished
  }()

  /// A line that says what is going on.
  static func note(_ text: String) { write("holdfast: \(text)\n") }

  static func error(_ failure: CommandFailure) {
    let label = usesColour ? "\u{1B}[1;31merror:\u{1B}[0m" : "error:"
    write("holdfast: \(label) \(failure.message)\n")
    if let usage = failure.usage { write(usage + "\n") }
  }

  static func heading(_ text: String) -> String {
    usesColour ? "\u{1B}[1m\(text)\u{1B}[0m" : text
  }

  /// Text from outside as one line can show it: what would act on a terminal, or end the line, is a
  /// space.
  static func visible(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          switch scalar.properties.generalCategory {
          case .control, .format, .lineSeparator, .paragraphSeparator: " "
          default: scalar
          }
        }))
  }

  private static let isStatusShown = Atomic(false)

  /// Shows a line that stands until the next one, or until something else is written.
  static func showStatus(_ text: String) {
    put("\r\u{1B}[K" + text)
    isStatusShown.store(true, ordering: .relaxed)
  }

  /// Takes the status line away. Whatever writes to the same terminal calls it first.
  static func clearStatus() {
    if isStatusShown.exchange(false, ordering: .relaxed) { put("\r\u{1B}[K") }
  }

  static func write(_ text: String) {
    clearStatus()
    put(text)
  }

  /// Where standard error takes nothing there is nobody to tell.
  private static func put(_ text: String) {
    var bytes = Array(text.utf8)[...]
    var lastEnd: Nanoseconds?
    while !bytes.isEmpty {
      if !Interruption.waitToWrite(STDERR_FILENO, end: &lastEnd) { return }
      // What poll calls ready takes this much without blocking.
      let count = unsafe bytes.prefix(4096).withUnsafeBytes { buffer in
        unsafe Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
      }
      if count < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        return
      }
      bytes = bytes.dropFirst(count)
    }
  }
}

extension BinaryInteger {
  /// With a comma after each third digit: 1,000,000.
  var grouped: String {
    let digits = String(magnitude)
    var result = self < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return result
  }
}
