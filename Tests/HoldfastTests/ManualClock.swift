import Synchronization

@testable import Holdfast

/// A clock that stands still until a test moves it, and with it all who sleep.
///
/// ```swift
/// async let answer = pipeline.run { ... }      // sleeps for 2 seconds in between
/// await clock.whenAsleep(until: .seconds(2))
/// clock.advance(by: .seconds(2))
/// ```
final class ManualClock: Clock {
  struct Instant: InstantProtocol {
    var sinceStart: Duration

    func advanced(by duration: Duration) -> Instant { Instant(sinceStart: sinceStart + duration) }
    func duration(to other: Instant) -> Duration { other.sinceStart - sinceStart }
    static func < (left: Instant, right: Instant) -> Bool { left.sinceStart < right.sinceStart }
  }

  /// One task that sleeps.
  private struct Sleeper {
    let deadline: Duration
    let continuation: CheckedContinuation<Void, any Error>
  }

  /// One task that waits for others to sleep.
  private struct Watcher {
    let isSatisfied: ([Duration]) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var time: Duration
    var sleepers: [Int: Sleeper] = [:]
    var watchers: [Int: Watcher] = [:]
    var lastNumber = 0

    mutating func newNumber() -> Int {
      lastNumber += 1
      return lastNumber
    }

    var deadlines: [Duration] { sleepers.values.map(\.deadline).sorted() }

    mutating func takeSatisfied() -> [Watcher] {
      let deadlines = deadlines
      let satisfied = watchers.filter { $0.value.isSatisfied(deadlines) }
      for number in satisfied.keys { watchers[number] = nil }
      return Array(satisfied.values)
    }
  }

  private let state: Guarded<State>
  private let reads = Atomic(0)
  private let interlude = Guarded<(@Sendable () -> Void)?>(nil)

  init(at start: Duration = .zero) {
    state = Guarded(State(time: start))
  }

  var now: Instant {
    reads.add(1, ordering: .relaxed)
    let action = interlude.withLock { interlude in
      defer { interlude = nil }
      return interlude
    }
    action?()
    return Instant(sinceStart: state.withLock { $0.time })
  }

  var minimumResolution: Duration { .nanoseconds(1) }

  /// How often it was read.
  var readCount: Int { reads.load(ordering: .relaxed) }

  /// Something to happen while it is read next: in the middle of what is under test.
  func atNextRead(_ action: @escaping @Sendable () -> Void) {
    interlude.withLock { $0 = action }
  }

  /// Moves it on, or back. Who sleeps until then, or less, wakes.
  func advance(by duration: Duration) {
    let woken = state.withLock { state in
      state.time += duration
      let woken = state.sleepers.filter { $0.value.deadline <= state.time }
      for number in woken.keys { state.sleepers[number] = nil }
      return woken.values.sorted { $0.deadline < $1.deadline }.map(\.continuation)
    }
    for continuation in woken { continuation.resume() }
  }

  /// Moves it on to an instant, counted from its start.
  func advance(to instant: Duration) {
    advance(by: instant - state.withLock { $0.time })
  }

  /// Suspends until it is moved there.
  ///
  /// - Throws: `CancellationError`.
  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    let number = state.withLock { $0.newNumber() }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let sleeper = Sleeper(deadline: deadline.sinceStart, continuation: continuation)
        let satisfied = state.withLock { state -> [Watcher] in
          // Who is cancelled after this look finds the sleeper, as soon as the lock is free.
          if Task.isCancelled {
            continuation.resume(throwing: CancellationError())
            return []
          }
          if sleeper.deadline <= state.time {
            continuation.resume()
            return []
          }
          state.sleepers[number] = sleeper
          return state.takeSatisfied()
        }
        for watcher in satisfied { watcher.continuation.resume() }
      }
    } onCancel: {
      let (sleeper, satisfied) = state.withLock { state in
        let sleeper = state.sleepers.removeValue(forKey: number)
        return (sleeper, sleeper == nil ? [] : state.takeSatisfied())
      }
      sleeper?.continuation.resume(throwing: CancellationError())
      for watcher in satisfied { watcher.continuation.resume() }
    }
  }

  /// Until when tasks sleep, counted from its start; the earliest first.
  var deadlines: [Duration] { state.withLock { $0.deadlines } }

  /// Returns as soon as a task sleeps until just then, counted from its start.
  func whenAsleep(until instant: Duration) async {
    await whenDeadlines { $0.contains(instant) }
  }

  /// Returns as soon as a task sleeps until then, or less.
  func whenAsleep(noLaterThan instant: Duration) async {
    await whenDeadlines { deadlines in deadlines.contains { $0 <= instant } }
  }

  /// Returns as soon as a task sleeps until then, or more.
  func whenAsleep(noEarlierThan instant: Duration) async {
    await whenDeadlines { deadlines in deadlines.contains { $0 >= instant } }
  }

  /// Returns as soon as so many tasks sleep, or more.
  func whenAsleep(atLeast count: Int) async {
    await whenDeadlines { $0.count >= count }
  }

  /// Returns as soon as the deadlines of those who sleep are as wanted: at once if they are.
  func whenDeadlines(_ isSatisfied: @escaping @Sendable ([Duration]) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isSatisfiedNow = state.withLock { state in
        if isSatisfied(state.deadlines) { return true }
        state.watchers[state.newNumber()] = Watcher(
          isSatisfied: isSatisfied, continuation: continuation)
        return false
      }
      if isSatisfiedNow { continuation.resume() }
    }
  }
}
