import CHoldfast

/// What is told when its time has come.
///
/// A class to be subclassed, and not a protocol, because the wheel keeps one word of it. It has no
/// state, so it is `Sendable` as long as the subclass is.
package class TimerTarget: @unchecked Sendable {

  /// Called once, with no lock held, on the thread that serves all timers: so it is to be short,
  /// and does not wait for anything.
  func timeIsUp() {}
}

/// A timer that was armed.
package struct TimerID: Sendable {
  fileprivate let shard: Int
  fileprivate let timer: UInt64

  /// No timer: there is nothing to disarm.
  package static let none = TimerID(shard: 0, timer: 0)
}

/// Many deadlines of one clock, of which few are ever reached.
///
/// Timers are in wheels of the C core, each behind a lock of its own, so that threads seldom meet.
/// Arming and disarming together cost less than 100 ns, whatever is armed. Any thread may do so.
///
/// An alarm is set for the earliest deadline. When it rings, all wheels are looked through: that is
/// a pass.
///
/// Why no timer is forgotten. Each wheel has an instant by which it is looked at again, under its
/// lock:
///
/// - A pass sets it to the wheel's earliest deadline and, at its end, sets the alarm to the
///   earliest of all wheels, or earlier.
/// - Who arms a timer that is due before that instant moves it to that deadline, and reports this
///   with no wheel's lock held. If no pass is under way, the alarm is set to it, unless it rings
///   before. If one is, the report is kept until its end, and counts as if it was the deadline of a
///   wheel. A pass forgets reports only as it begins, and then looks at each wheel: a report that
///   came before was made after its timer was armed, so the pass finds the timer.
///
/// So every such instant, and with it every deadline, has an alarm that rings by then, or a pass
/// under way that will set one, or somebody on the way to report it. Who arms anything later has
/// nothing to report. That is nearly always so: where all time-outs are as long, one of them is
/// reported for each length of time.
package final class Timers: Sendable {
  /// Those of the system's clock.
  package static let standard: Timers = {
    let time = TimeSource.precise
    return Timers(time, DispatchAlarm(time))
  }()

  private struct Passes {
    var isUnderWay = false
    /// When the alarm rings; while a pass is under way, the earliest that was reported.
    var next = UInt64.max
    var turn: UInt64 = 0
  }

  let time: TimeSource
  private let shards: [TimerShard]
  private let passes = Guarded(Passes())
  private let alarm: any TimerAlarm

  /// Those of a clock, in which a task sleeps.
  convenience init<Source: Clock<Duration>>(clock: Source) {
    let origin = clock.now
    self.init(TimeSource(clock, since: origin), ClockAlarm(clock, since: origin))
  }

  init(_ time: TimeSource, _ alarm: any TimerAlarm) {
    self.time = time
    self.alarm = alarm
    let now = time.now
    shards = (0..<8).map { _ in TimerShard(now: now) }
    alarm.connect { [weak self] in self?.pass() }
  }

  deinit { alarm.stop() }

  /// In nanoseconds since some beginning.
  package var now: UInt64 { time.now }

  /// Arms a timer, and retains its target until it is told or disarmed.
  ///
  /// Without memory for another timer the target is told at once, by the caller's own thread: a
  /// call then fails as one that took too long, rather than never. So hold no lock that
  /// ``TimerTarget/timeIsUp()`` takes.
  ///
  /// - Parameter deadline: what has passed is told soon; `.max` is never told.
  package func arm(_ target: TimerTarget, at deadline: UInt64) -> TimerID {
    let shard = Timers.shard(for: target)
    switch shards[shard].arm(target, at: deadline) {
    case .armed(let timer):
      return TimerID(shard: shard, timer: timer)
    case .armedEarliest(let timer):
      wake(by: deadline)
      return TimerID(shard: shard, timer: timer)
    case .outOfMemory:
      target.timeIsUp()
      return .none
    }
  }

  /// Disarms a timer.
  ///
  /// - Returns: `false` when its target was told, or is just being told, or it was disarmed before.
  @discardableResult
  package func disarm(_ timer: TimerID) -> Bool {
    shards[timer.shard].disarm(timer.timer)
  }

  /// Returns when the clock has come to the deadline; at once if it has passed.
  ///
  /// - Throws: `CancellationError` when the task is cancelled before.
  func sleep(until deadline: UInt64) async throws {
    try Task.checkCancellation()
    if deadline <= now { return }
    let sleeper = TimerSleeper()
    let timer = arm(sleeper, at: deadline)
    defer { disarm(timer) }
    try await sleeper.wait()
  }

  /// Does something that may take long, on behalf of a timer that was told, where no timer waits for it.
  package func aside(_ action: @escaping @Sendable () -> Void) { alarm.aside(action) }

  /// How many are armed.
  var armed: Int { shards.reduce(0) { $0 + $1.armed } }

  // MARK: - Passes

  private func wake(by deadline: UInt64) {
    let turn = passes.withLock { passes -> UInt64? in
      guard deadline < passes.next else { return nil }
      passes.next = deadline
      if passes.isUnderWay { return nil }
      passes.turn += 1
      return passes.turn
    }
    if let turn { alarm.set(to: deadline, turn: turn) }
  }

  /// Tells all whose time has come.
  private func pass() {
    let begins = passes.withLock { passes in
      defer {
        if !passes.isUnderWay { passes.next = .max }
        passes.isUnderWay = true
      }
      return !passes.isUnderWay
    }
    // An alarm that was set anew while it rang rings twice. Whoever came first sets the next.
    guard begins else { return }
    var earliest = UInt64.max
    for shard in shards { earliest = min(earliest, shard.tellDue(time)) }
    let (next, turn) = passes.withLock { passes in
      passes.isUnderWay = false
      passes.next = min(passes.next, earliest)
      passes.turn += 1
      return (passes.next, passes.turn)
    }
    alarm.set(to: next, turn: turn)
  }

  // MARK: - Shards

  /// One of eight, by where the target is; the lowest four bits of that say nothing.
  static func shard(for target: TimerTarget) -> Int {
    let address = UInt64(UInt(bitPattern: ObjectIdentifier(target)))
    return Int((address >> 4 &* 0x9E37_79B9_7F4A_7C15) >> 61)
  }
}
