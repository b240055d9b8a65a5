import CEventReader
import Glibc
import Holdfast

/// A run over the events of a file or a pipe.
struct StreamRun: ~Copyable {
  private var run: Run
  private var stream: EventStream
  private var progress: Progress?
  private let options: RunOptions
  private let policy: Policy
  private var isHeaderKnown: Bool

  init(_ options: RunOptions, policy: Policy, path: String?) throws(CommandFailure) {
    let rules = try RuleSet(policy, extra: ["time"])
    let stream = try EventStream(path: path, format: options.format, columns: rules.columns)
    let run = try Run(options, rules: rules, inputDescriptor: stream.descriptor)
    self.stream = stream
    self.run = run
    self.options = options
    self.policy = policy
    self.isHeaderKnown = options.format != .csv
    self.progress = self.stream.size.flatMap { Progress(ofBytes: $0) }
    self.run.announce(input: "\(Messages.visible(self.stream.name)) (\(options.format.rawValue))")
  }

  mutating func untilEnd() throws(CommandFailure) -> Int32 {
    let ending: Run.Ending
    do {
      ending = try readEvents()
    } catch {
      // What was decided until then is still worth its summary.
      _ = try? run.finish(.done)
      throw error
    }
    progress?.show(bytes: stream.bytesRead, events: run.summary.events, isLast: true)
    return try run.finish(ending)
  }

  private mutating func readEvents() throws(CommandFailure) -> Run.Ending {
    progress?.show(bytes: 0, events: 0)
    var nextTick = run.started
    while true {
      if let signal = Interruption.signal { return .interrupted(signal) }
      if run.isAtLimit { return .done }
      switch try stream.next() {
      case .event(let isComplete):
        if let interval = options.interval {
          if let ending = try pause(until: nextTick) { return ending }
          nextTick = Clock.monotonic() + interval.nanoseconds
        }
        announceHeader()
        try unsafe run.decide(stream.values, isComplete: isComplete)
      case .malformed(let fault, let line):
        announceHeader()
        run.summary.events += 1
        if run.summary.skip(fault, line: line) {
          Messages.note(
            "\(Messages.visible(stream.name)):\(line): skipped an event: \(EventStream.description(fault))"
              + " (more of this kind are only counted)")
        }
      case .needsInput:
        if let ending = try fill() { return ending }
      case .end:
        announceHeader()
        return .done
      }
    }
  }

  /// - Returns: why there is nothing to wait for any more.
  private mutating func fill() throws(CommandFailure) -> Run.Ending? {
    if run.isPastDeadline { return .done }
    if stream.size == nil {
      // Whoever waits for decisions gets them before this waits for events.
      try run.output.flush()
      switch Interruption.wait(for: stream.descriptor, events: POLLIN, until: run.deadline) {
      case .ready: break
      case .timedOut: return .done
      case .interrupted: return nil
      }
    }
    try stream.fill()
    progress?.show(bytes: stream.bytesRead, events: run.summary.events)
    return nil
  }

  /// With `--every`: waits for the event's turn.
  private mutating func pause(until tick: Nanoseconds) throws(CommandFailure) -> Run.Ending? {
    try run.output.flush()
    let end = min(tick, run.deadline ?? .max)
    if Interruption.wait(until: end) == .interrupted, let signal = Interruption.signal {
      return .interrupted(signal)
    }
    return run.isPastDeadline ? .done : nil
  }

  /// CSV: says once which variables have no column.
  private mutating func announceHeader() {
    if isHeaderKnown { return }
    isHeaderKnown = true
    for (index, column) in run.rules.columns.enumerated() where stream.lacks(column: index) {
      guard column.variable != nil, column.name != "step" else { continue }
      let ids = run.rules.rules.filter { $0.required.contains(index) }.map(\.policyRule.id)
      Messages.note(
        "\(Messages.visible(stream.name)) has no column '\(column.name)'; these rules fail for every event: "
          + Messages.visible(ids.joined(separator: ", ")))
    }
  }
}
