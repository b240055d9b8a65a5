/// The word that was probably meant.
package enum Suggestion {
  /// - Parameter most: how many edits still make the same word; `nil`: as many as its length allows.
  /// - Returns: the candidate with the fewest edits, when these are few.
  package static func nearest(
    to word: String, among candidates: [String], edits most: Int? = nil
  ) -> String? {
    // Longer words are no slips of known ones, and would cost time for nothing.
    guard word.utf8.count <= 64 else { return nil }
    let scored = candidates.map { (name: $0, edits: edits(Array(word.utf8), Array($0.utf8))) }
    guard let best = scored.min(by: { $0.edits < $1.edits }) else { return nil }
    return best.edits <= most ?? max(1, best.name.utf8.count / 3) ? best.name : nil
  }

  /// `; did you mean 'x'?`, or nothing.
  package static func hint(for word: String, among candidates: [String]) -> String {
    nearest(to: word, among: candidates).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one into the other
  /// (optimal string alignment).
  private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var above: [Int] = []
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
      var next = [i + 1]
      for (j, other) in b.enumerated() {
        var least = min(row[j] + (letter == other ? 0 : 1), row[j + 1] + 1, next[j] + 1)
        if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other {
          least = min(least, above[j - 1] + 1)
        }
        next.append(least)
      }
      above = row
      row = next
    }
    return row[b.count]
  }
}
