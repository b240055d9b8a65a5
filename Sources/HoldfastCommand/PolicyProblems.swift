/// What is wrong with a policy file: how many problems there are, and the first of them.
///
/// A file can have millions. Nobody reads so many, and each takes its time to write.
struct PolicyProblems {
  static let mostReported = 1000

  private struct Problem {
    /// In bytes of the file.
    let offset: Int
    /// The whole message, with its place and the line at fault.
    let report: String
  }

  private let name: String
  private(set) var count = 0
  /// Those that may be among the first; in the order in which they were found.
  private var kept: [Problem] = []
  /// So many are known before here that nothing from here on is reported.
  private var horizon = Int.max

  init(of name: String) {
    self.name = name
  }

  var isEmpty: Bool { count == 0 }

  /// - Parameter report: asked for only where it may be among the first.
  mutating func add(at offset: Int, report: @autoclosure () -> String) {
    count += 1
    if offset >= horizon { return }
    kept.append(Problem(offset: offset, report: report()))
    if kept.count == 2 * Self.mostReported {
      kept = first
      horizon = kept.last?.offset ?? .max
    }
  }

  private var first: [Problem] {
    Array(kept.sorted { $0.offset < $1.offset }.prefix(Self.mostReported))
  }

  /// The first problems, in the order of the file.
  var reports: [String] { first.map(\.report) }

  /// How many there are, in words.
  var total: String {
    let counted = CheckCommand.count(count, "problem")
    let unreported = count - min(count, Self.mostReported)
    return unreported == 0 ? counted : "\(counted), \(unreported.grouped) of them not shown"
  }

  /// All that a message says: the first problems and, where there are more, how many.
  var report: String {
    let isWhole = count <= Self.mostReported
    let lines = isWhole ? reports : reports + ["\(Messages.visible(name)): \(total)"]
    return lines.joined(separator: "\n")
  }
}
