import CEventReader
import Glibc
import Holdfast

/// `holdfast run`: the rules of a policy over events, one decision line for each match.
enum RunCommand {
  static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
    let options = try RunOptions(words)
    let policy: Policy
    switch try PolicyReader.read(options.policyPath) {
    case .policy(let read): policy = read
    case .problems(let problems):
      throw CommandFailure("the policy cannot be used\n" + problems.report)
    }
    try Interruption.listen()
    switch options.input {
    case .host:
      var run = try HostRun(options, policy: policy)
      return try run.untilEnd()
    case .standardInput:
      var run = try StreamRun(options, policy: policy, path: nil)
      return try run.untilEnd()
    case .file(let path):
      var run = try StreamRun(options, policy: policy, path: path)
      return try run.untilEnd()
    }
  }
}

/// What every run has: rules, a writer of decisions, counts, a beginning and an end.
struct Run: ~Copyable {
  /// Why it is over.
  enum Ending {
    case done
    case interrupted(Int32)
  }

  var rules: RuleSet
  var summary = RunSummary()
  let output: Output
  let started = Clock.monotonic()
  let deadline: Nanoseconds?

  private let options: RunOptions
  private var writer: DecisionWriter
  private let stepColumn: Int?
  private let clockCost = Run.clockCost()

  init(
    _ options: RunOptions, rules: consuming RuleSet, inputDescriptor: Int32? = nil
  ) throws(CommandFailure) {
    self.options = options
    self.deadline = options.duration.map { [started] in started + $0.nanoseconds }
    Interruption.deadline = deadline
    self.output = try Self.open(options, inputDescriptor: inputDescriptor)
    let timeColumn = rules.column(named: "time")
    let stepColumn = rules.column(named: "step")
    self.writer = DecisionWriter(rules, timeColumn: timeColumn, output: output)
    self.stepColumn = stepColumn
    self.rules = rules
  }

  private static func open(
    _ options: RunOptions, inputDescriptor: Int32?
  ) throws(CommandFailure) -> Output {
    guard let path = options.outputPath else { return .standard() }
    // Emptied only once it is sure to be none of the files that are read.
    guard let descriptor = try descriptor(writing: path) else {
      // Over before it began, so nothing will be written.
      return Output(-1, name: path)
    }
    let output = Output(descriptor, name: path, closes: true)
    // No file, but a device such as /dev/full.
    guard let target = FileIdentity(descriptor) else { return output }
    let policy = FileIdentity(path: options.policyPath)
    if target == policy || target == inputDescriptor.flatMap({ FileIdentity($0) }) {
      throw CommandFailure("--output \(Messages.visible(path)) is a file that this run reads")
    }
    if ftruncate(descriptor, 0) != 0 { throw failure(writing: path, errno) }
    return output
  }

  /// A named pipe is waited for until somebody reads from it.
  ///
  /// - Returns: `nil` when the run was to end before anybody did.
  private static func descriptor(writing path: String) throws(CommandFailure) -> Int32? {
    var isWaiting = false
    while true {
      // Without O_NONBLOCK a signal that comes just before this call would not end it.
      let descriptor = unsafe Glibc.open(
        path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
      if descriptor >= 0 { return descriptor }
      let reason = errno
      guard reason == ENXIO, isNamedPipe(path) else { throw failure(writing: path, reason) }
      if !isWaiting { Messages.note("waiting for a reader of \(Messages.visible(path))") }
      isWaiting = true
      if let deadline = Interruption.deadline, Clock.monotonic() >= deadline { return nil }
      // Nothing tells of a reader that opens the other end.
      let nextTry = Clock.monotonic() + 20_000_000
      let moment = min(nextTry, Interruption.deadline ?? .max)
      if Interruption.wait(until: moment) == .interrupted { return nil }
    }
  }

  private static func isNamedPipe(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && (status.st_mode & S_IFMT) == S_IFIFO
  }

  private static func failure(writing path: String, _ reason: Int32) -> CommandFailure {
    CommandFailure("cannot write to \(Messages.visible(path)): \(systemMessage(reason))")
  }

  /// What a pair of clock readings costs, to be taken off each measurement.
  private static func clockCost() -> Nanoseconds {
    var least = Nanoseconds.max
    for _ in 0..<1000 {
      let start = Clock.monotonic()
      least = min(least, Clock.monotonic() - start)
    }
    return least
  }

  /// Says on standard error what is going to happen.
  func announce(input: String) {
    var text = "\(Messages.visible(options.policyPath)): "
    text += "\(CheckCommand.count(rules.rules.count, "rule")) over \(Messages.visible(input))"
    if let interval = options.interval { text += ", every \(interval.text)" }
    if let duration = options.duration { text += ", for \(duration.text)" }
    if let limit = options.limit {
      text += ", at most \(limit.grouped) event\(limit == 1 ? "" : "s")"
    }
    Messages.note(text + (Messages.isTerminal ? " (Ctrl-C stops)" : ""))
  }

  var isAtLimit: Bool { options.limit.map { summary.events >= $0 } ?? false }

  var isPastDeadline: Bool { deadline.map { Clock.monotonic() >= $0 } ?? false }

  /// Evaluates the rules for one event and writes its decisions.
  mutating func decide(
    _ values: UnsafeMutablePointer<er_value>, isComplete: Bool
  ) throws(CommandFailure) {
    summary.events += 1
    var isComplete = isComplete
    if let stepColumn, unsafe values[stepColumn].kind == ER_MISSING {
      unsafe fill(&values[stepColumn], step: summary.events, type: rules.columns[stepColumn].type)
      isComplete = false  // not known any more; the rules look for themselves
    }
    try unsafe rules.take(values)
    // A clock reading costs about as much as a few rules, so of many events a sample is timed.
    if summary.events <= 1024 || summary.events % 64 == 0 {
      let start = Clock.monotonic()
      try unsafe rules.evaluate(values, isComplete: isComplete)
      summary.latencies.record(Clock.monotonic() - start - clockCost)
    } else {
      try unsafe rules.evaluate(values, isComplete: isComplete)
    }
    for rule in rules.matches {
      try unsafe writer.write(rule: rule, step: summary.events, values: values)
    }
  }

  private func fill(_ value: inout er_value, step: UInt64, type: Schema.VariableType) {
    unsafe value.kind = ER_NUMBER
    unsafe value.number = Double(step)
    unsafe value.mistyped = type != .number && type != .any
  }

  /// The last words: what is left of the output, then the summary.
  mutating func finish(_ ending: Ending) throws(CommandFailure) -> Int32 {
    // The summary is due also when the output cannot be written.
    let failure = Result { () throws(CommandFailure) in try output.flush() }
    if let time = writer.unreadableTime {
      Messages.note(
        "an event's time could not be read as a time and was passed on as it came: "
          + Messages.visible(time))
    }
    Messages.write(summary.report(on: rules, elapsed: Clock.monotonic() - started))
    try failure.get()
    switch ending {
    case .done: return ExitStatus.success
    case .interrupted(let signal):
      Messages.note("stopped by \(signal == SIGINT ? "Ctrl-C" : "SIGTERM")")
      return ExitStatus.interrupted(by: signal)
    }
  }
}
