import CEventReader
import Glibc
import Holdfast

/// A run over this machine's own figures, sampled at an interval.
struct HostRun: ~Copyable {
  private var run: Run
  private var sampler: HostSampler
  /// By column; `nil` for `step`, which is no figure of the machine.
  private let figures: [HostSampler.Figure?]
  private let interval: Nanoseconds

  private static let defaultInterval: Nanoseconds = 1_000_000_000

  init(_ options: RunOptions, policy: Policy) throws(CommandFailure) {
    let root = unsafe getenv("HOLDFAST_HOST_ROOT").map { unsafe String(cString: $0) } ?? ""
    var sampler = HostSampler(root: root)
    let absences = Self.absences(for: policy, sampler: &sampler)
    let rules = try RuleSet(policy, unavailable: absences)
    let figures = rules.columns.map { HostSampler.Figure(rawValue: $0.name) }
    let run = try Run(options, rules: rules)
    self.figures = figures
    self.sampler = sampler
    self.interval = options.interval?.nanoseconds ?? Self.defaultInterval
    self.run = run
    self.run.announce(input: root.isEmpty ? "this host" : "the host at \(root)")
    announce(absences, policy: policy)
  }

  /// Why variables of the policy can have no value here. It reads each figure once, which is also
  /// the first reading of those that need two.
  private static func absences(
    for policy: Policy, sampler: inout HostSampler
  ) -> [String: String] {
    var absences: [String: String] = [:]
    for (name, type) in policy.schema.variables where name != "step" {
      guard let figure = HostSampler.Figure(rawValue: name) else {
        absences[name] = "it is none of the host's figures"
        continue
      }
      if type != .number && type != .any {
        absences[name] = "it is declared as \(type.rawValue), and the host gives a number"
        continue
      }
      do {
        _ = try sampler.read(figure)
      } catch {
        absences[name] = error.reason
      }
    }
    return absences
  }

  private func announce(_ absences: [String: String], policy: Policy) {
    for (name, _) in policy.schema.variables {
      guard let reason = absences[name] else { continue }
      let ids = policy.rules.filter { $0.condition.requiredVariables.contains(name) }.map(\.id)
      let disabled =
        ids.isEmpty
        ? "no rule needs it" : "not evaluated: \(Messages.visible(ids.joined(separator: ", ")))"
      Messages.note("no \(name) here (\(reason)); \(disabled)")
    }
  }

  mutating func untilEnd() throws(CommandFailure) -> Int32 {
    let ending: Run.Ending
    do {
      ending = try sample()
    } catch {
      _ = try? run.finish(.done)
      throw error
    }
    return try run.finish(ending)
  }

  private mutating func sample() throws(CommandFailure) -> Run.Ending {
    let values = UnsafeMutablePointer<er_value>.allocate(capacity: max(1, figures.count))
    defer { unsafe values.deallocate() }
    var tick = run.started
    while !run.isAtLimit {
      tick = Self.next(after: tick, every: interval, now: Clock.monotonic())
      if let deadline = run.deadline, tick > deadline {
        return wait(until: deadline) ?? .done
      }
      if let ending = wait(until: tick) { return ending }
      var isComplete = true
      for (column, figure) in figures.enumerated() {
        unsafe values[column] = read(figure)
        isComplete = unsafe isComplete && values[column].kind != ER_MISSING
      }
      try unsafe run.decide(values, isComplete: isComplete)
      try run.output.flush()
    }
    return .done
  }

  /// The first tick after the latest one that is not over yet: what was slept through is not made
  /// up for.
  private static func next(
    after tick: Nanoseconds, every interval: Nanoseconds, now: Nanoseconds
  ) -> Nanoseconds {
    let missed = max(0, now - tick - 1) / interval
    return tick + (missed + 1) * interval
  }

  private func wait(until moment: Nanoseconds) -> Run.Ending? {
    guard Interruption.wait(until: moment) == .interrupted, let signal = Interruption.signal
    else { return nil }
    return .interrupted(signal)
  }

  /// A figure that cannot be read this time is missing from this event.
  private mutating func read(_ figure: HostSampler.Figure?) -> er_value {
    var value = unsafe er_value()
    guard let figure, let number = (try? sampler.read(figure)).flatMap({ $0 }) else {
      return unsafe value
    }
    unsafe value.kind = ER_NUMBER
    // Further digits would be noise, and the decision lines are read by people.
    unsafe value.number = (number * 100).rounded() / 100
    return unsafe value
  }
}
