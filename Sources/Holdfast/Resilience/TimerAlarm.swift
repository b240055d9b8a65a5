import Dispatch

/// Calls somebody at a time that can be changed: what moves ``Timers`` on.
protocol TimerAlarm: Sendable {
  /// To be called once, and before ``set(to:turn:)``.
  func connect(_ ring: @escaping @Sendable () -> Void)

  /// Rings at a time, or soon after it; what was set before is forgotten, though it may ring all
  /// the same if it is ringing already. Of settings that come the wrong way round that of the
  /// latest turn counts.
  ///
  /// - Parameter deadline: in nanoseconds of the clock; `.max`: not at all.
  func set(to deadline: UInt64, turn: UInt64)

  /// Does something where it does not hold up the next ring.
  func aside(_ action: @escaping @Sendable () -> Void)

  /// Rings no more.
  func stop()
}

/// For the system's clock.
///
/// Dispatch keeps the time on a thread of its own, and a serial queue of one's own gets a thread
/// that is made for it if need be. So it rings also while code that blocks holds every thread that
/// Swift's tasks run on, which is when time-outs are wanted most; a queue shared with those tasks
/// would get one a second later, when Dispatch has seen that the others are held.
final class DispatchAlarm: TimerAlarm {
  private struct State {
    let source: any DispatchSourceTimer
    var turn: UInt64 = 0
  }

  private let time: TimeSource
  private let state: Guarded<State>
  private let others = DispatchQueue(label: "holdfast.timed-out", qos: .userInitiated)

  init(_ time: TimeSource) {
    self.time = time
    let queue = DispatchQueue(label: "holdfast.timers", qos: .userInitiated)
    state = Guarded(State(source: DispatchSource.makeTimerSource(queue: queue)))
  }

  func connect(_ ring: @escaping @Sendable () -> Void) {
    state.withLock { state in
      state.source.setEventHandler(handler: ring)
      state.source.schedule(deadline: .distantFuture)
      state.source.activate()
    }
  }

  func set(to deadline: UInt64, turn: UInt64) {
    let now = time.now
    let left = deadline > now ? deadline - now : 0
    state.withLock { state in
      guard turn > state.turn else { return }
      state.turn = turn
      state.source.schedule(
        deadline: deadline == .max ? .distantFuture : .now() + .nanoseconds(Int(clamping: left)),
        leeway: .nanoseconds(0))
    }
  }

  /// In turn, on a queue of their own; that gets a thread as the timers' does.
  func aside(_ action: @escaping @Sendable () -> Void) { others.async(execute: action) }

  func stop() {
    state.withLock { $0.source.cancel() }
  }
}

/// For any other clock: a task that sleeps in it.
final class ClockAlarm: TimerAlarm {
  private struct State {
    var ring: (@Sendable () -> Void)?
    var sleeper: Task<Void, Never>?
    var turn: UInt64 = 0
  }

  private let sleep: @Sendable (UInt64) async throws -> Void
  private let state = Guarded(State())

  /// - Parameter origin: where the clock's nanoseconds begin.
  init<Source: Clock<Duration>>(_ clock: Source, since origin: Source.Instant) {
    sleep = { deadline in
      try await clock.sleep(
        until: origin.advanced(by: Duration(nanoseconds: deadline)), tolerance: .zero)
    }
  }

  func connect(_ ring: @escaping @Sendable () -> Void) {
    state.withLock { $0.ring = ring }
  }

  func set(to deadline: UInt64, turn: UInt64) {
    let former = state.withLock { state -> Task<Void, Never>? in
      guard turn > state.turn, let ring = state.ring else { return nil }
      state.turn = turn
      defer {
        state.sleeper =
          deadline == .max
          ? nil
          : Task.detached(priority: .high) { [sleep] in
            if (try? await sleep(deadline)) != nil { ring() }
          }
      }
      return state.sleeper
    }
    // With no lock held, because the clock may do something then.
    former?.cancel()
  }

  /// Here: who moves the clock by hand sees all that follows.
  func aside(_ action: @escaping @Sendable () -> Void) { action() }

  func stop() {
    let former = state.withLock { state in
      defer { (state.ring, state.sleeper) = (nil, nil) }
      return state.sleeper
    }
    former?.cancel()
  }
}
