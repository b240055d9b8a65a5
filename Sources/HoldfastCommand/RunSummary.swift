import CEventReader

/// What a run did, as it is told at its end.
struct RunSummary {
  /// Events that were read, the malformed ones among them: the number of the latest.
  var events: UInt64 = 0
  /// By fault: how many, and the line of the first.
  private(set) var skipped: [(fault: er_fault, count: Int, firstLine: UInt64)] = []
  var latencies = LatencyHistogram()

  /// - Returns: whether it is the first of its kind.
  mutating func skip(_ fault: er_fault, line: UInt64) -> Bool {
    if let index = skipped.firstIndex(where: { $0.fault == fault }) {
      skipped[index].count += 1
      return false
    }
    skipped.append((fault, 1, line))
    return true
  }

  func report(on rules: borrowing RuleSet, elapsed: Nanoseconds) -> String {
    let seconds = max(1e-9, Double(elapsed) / 1e9)
    let rate = Int((Double(events) / seconds).rounded())
    let skippedCount = skipped.reduce(0) { $0 + $1.count }
    var lines = [Messages.heading("summary")]
    lines.append(
      "  events      \(Int(events).grouped) in \(Self.seconds(seconds)), \(rate.grouped)/s")
    lines.append("  skipped     \(skippedCount.grouped)")
    for kind in skipped {
      lines.append(
        "    \(kind.count.grouped) \(EventStream.description(kind.fault)),"
          + " first at line \(kind.firstLine)")
    }
    var decisions = 0
    for rule in rules.rules { decisions += rule.decisions }
    lines.append("  decisions   \(decisions.grouped)")
    for rule in rules.rules {
      let id = Messages.visible(rule.policyRule.id)
      if let variable = rule.disabledBy {
        lines.append("    - \(id): not evaluated, there is no \(variable)")
        continue
      }
      lines.append(
        "    \(rule.decisions.grouped) \(id) -> \(Messages.visible(rule.policyRule.then))")
      lines += Self.failures(of: rule)
    }
    if let median = latencies.percentile(0.5), let p95 = latencies.percentile(0.95),
      let p99 = latencies.percentile(0.99)
    {
      lines.append(
        "  evaluation  p50 \(median) ns, p95 \(p95) ns, p99 \(p99) ns"
          + " (all rules for one event; \(Int(latencies.count).grouped) events timed)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func failures(of rule: RuleSet.Rule) -> [String] {
    // The most frequent first; ties by name, then missing before mistyped.
    let sorted = rule.failures.sorted {
      ($1.value, $0.key.variable, $0.key.kind.rawValue)
        < ($0.value, $1.key.variable, $1.key.kind.rawValue)
    }
    if sorted.isEmpty { return [] }
    let parts = sorted.map { failure, count in
      switch failure.kind {
      case .missing: "\(failure.variable) missing \(count.grouped)"
      case .mistyped: "\(failure.variable) mistyped \(count.grouped)"
      }
    }
    let total = sorted.reduce(0) { $0 + $1.value }
    return [
      "      failed for \(CheckCommand.count(total, "event")): \(parts.joined(separator: ", "))"
    ]
  }

  private static func seconds(_ seconds: Double) -> String {
    let hundredths = Int((seconds * 100).rounded())
    let rest = hundredths % 100
    return "\((hundredths / 100).grouped).\(rest < 10 ? "0" : "")\(rest) s"
  }
}
