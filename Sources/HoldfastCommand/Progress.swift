import Glibc

/// One line on the terminal that says how far a file has been read.
struct Progress {
  private let total: Int
  private let started = Clock.monotonic()
  private var drawn: Nanoseconds?

  private static let pause: Nanoseconds = 100_000_000

  /// - Returns: `nil` where there is no terminal to draw on, or no end to be seen.
  init?(ofBytes total: Int) {
    guard Messages.isTerminal, total > 0 else { return nil }
    self.total = total
  }

  /// Draws, unless it did so a moment ago.
  mutating func show(bytes: Int, events: UInt64, isLast: Bool = false) {
    let now = Clock.monotonic()
    if let drawn, now - drawn < Self.pause, !isLast { return }
    drawn = now
    let share = min(1, Double(bytes) / Double(total))
    let seconds = Double(now - started) / 1e9
    let filled = Int(share * 24)
    var text = "[" + String(repeating: "#", count: filled)
    text += String(repeating: " ", count: 24 - filled) + "]"
    text += " \(Int(share * 100))%  \(Int(events).grouped) events"
    if seconds > 0 { text += "  \(Int(Double(events) / seconds).grouped) events/s" }
    if share > 0, share < 1 {
      let left = Int(seconds * (1 - share) / share)
      text += "  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
    }
    Messages.showStatus(String(text.prefix(Self.width() - 1)))
  }

  private static func width() -> Int {
    var size = winsize()
    let isKnown = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
    return isKnown ? Int(size.ws_col) : 80
  }
}
