import Synchronization

@testable import Holdfast

/// A service that fails, slows and recovers, and those who call it, in virtual time.
///
/// The service has one server and a queue without an end. It answers those too who gave up waiting, as
/// services do: that is what lets an outage go on when its cause has gone, where callers ask again.
///
/// Time goes on only while all callers are asleep: each waits for the service, or for its next attempt, or
/// is done. They say so themselves, and so nobody has to look, or to wait for time that passes.
final class OutageSimulation: Sendable {
  struct Failed: TransientError { let isTransient = true }
  struct GaveUp: Error {}

  /// How the service does for some time.
  struct Phase {
    let length: Duration
    /// How long the server takes for one request.
    let service: Duration
    var fails = false
  }

  /// What came of the calls that began in one slice of the time.
  struct Slice {
    var calls = 0
    var attempts = 0
    var successes = 0
  }

  /// One attempt that waits for its answer.
  fileprivate struct Caller {
    let answer: CheckedContinuation<Void, any Error>
    /// It was told so, or is being told.
    var isLate = false
  }

  fileprivate struct State {
    var time = Duration.zero
    /// Callers that are not asleep. Time stands still.
    var awake = 0
    var whenAllAsleep: CheckedContinuation<Void, Never>?
    var nextCall = Duration.zero
    var lastNumber = 0
    /// The attempts in the order in which the server takes them, those from `served` on.
    var queue: [Int] = []
    var served = 0
    /// When the server has done with the first of them.
    var answersAt: Duration?
    var callers: [Int: Caller] = [:]
    /// When attempts have taken too long, the earliest first, those from `ended` on.
    var deadlines: [(time: Duration, number: Int)] = []
    var ended = 0
    /// When callers try again.
    var delays: [Duration] = []
    var slices: [Slice]
  }

  /// What happens next, with no lock held.
  private struct Step {
    var time = Duration.zero
    var answers: [(CheckedContinuation<Void, any Error>, Result<Void, any Error>)] = []
    var hasNewCall = false
  }

  static let slice = Duration.milliseconds(100)

  let clock = ManualClock()
  private let phases: [Phase]
  private let interval: Duration
  private let timeout: Duration
  private let endsAttempts: Bool
  private let length: Duration
  private let state: Guarded<State>

  /// - Parameters:
  ///   - interval: between the calls.
  ///   - timeout: of an attempt.
  ///   - endsAttempts: whether attempts that take too long end by themselves, and not because whoever
  ///     made them sees to that.
  init(_ phases: [Phase], interval: Duration, timeout: Duration, endsAttempts: Bool) {
    self.phases = phases
    self.interval = interval
    self.timeout = timeout
    self.endsAttempts = endsAttempts
    length = phases.reduce(.zero) { $0 + $1.length }
    let slices = Int(length / OutageSimulation.slice)
    state = Guarded(State(slices: Array(repeating: Slice(), count: slices)))
  }

  // MARK: - What callers do

  /// Asks the service once.
  ///
  /// - Throws: ``Failed``, ``GaveUp``, or `CancellationError`.
  func ask() async throws {
    let number = state.withLock { state -> Int in
      state.lastNumber += 1
      return state.lastNumber
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { answer in
        let asleep = state.withLock { state -> CheckedContinuation<Void, Never>? in
          state.slices[slice(of: state.time)].attempts += 1
          state.queue.append(number)
          state.answersAt = state.answersAt ?? state.time + phase(at: state.time).service
          state.callers[number] = Caller(answer: answer)
          state.deadlines.append((state.time + timeout, number))
          return state.fallsAsleep()
        }
        asleep?.resume()
      }
    } onCancel: {
      let caller = state.withLock { $0.callers.removeValue(forKey: number) }
      caller?.answer.resume(throwing: CancellationError())
    }
  }

  /// The caller will sleep for so long.
  func sleeps(for delay: Duration) {
    let asleep = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.delays.append(state.time + delay)
      return state.fallsAsleep()
    }
    asleep?.resume()
  }

  // MARK: - Time

  /// Lets all phases pass.
  ///
  /// - Parameter call: what each caller does.
  /// - Returns: the slices of the time.
  func run(_ call: @escaping @Sendable () async throws -> Void) async -> [Slice] {
    while true {
      await whenAllAsleep()
      guard let step = nextStep() else { return state.withLock { $0.slices } }
      clock.advance(to: step.time)
      for (caller, result) in step.answers { caller.resume(with: result) }
      if step.hasNewCall { begin(call) }
    }
  }

  private func begin(_ call: @escaping @Sendable () async throws -> Void) {
    Task {
      let began = state.withLock { slice(of: $0.time) }
      let succeeded = (try? await call()) != nil
      let asleep = state.withLock { state -> CheckedContinuation<Void, Never>? in
        state.slices[began].calls += 1
        if succeeded { state.slices[began].successes += 1 }
        return state.fallsAsleep()
      }
      asleep?.resume()
    }
  }

  private func whenAllAsleep() async {
    await withCheckedContinuation { continuation in
      let areAsleep = state.withLock { state -> Bool in
        if state.awake > 0 { state.whenAllAsleep = continuation }
        return state.awake == 0
      }
      if areAsleep { continuation.resume() }
    }
  }

  /// Moves on to the next time at which anything happens, and counts who wakes then: before they can do
  /// anything, so that time stands still until they have done. `nil`: nobody calls any more.
  private func nextStep() -> Step? {
    state.withLock { state -> Step? in
      while state.ended < state.deadlines.count,
        state.callers[state.deadlines[state.ended].number] == nil
      { state.ended += 1 }
      let nextCall = state.nextCall < length ? state.nextCall : nil
      let deadline = state.ended < state.deadlines.count ? state.deadlines[state.ended].time : nil
      let callers = [nextCall, deadline, state.delays.min()].compactMap { $0 }
      guard let earliest = callers.min() else { return nil }

      var step = Step()
      step.time = min(earliest, state.answersAt ?? earliest)
      state.time = step.time
      endAttempts(&state, &step)
      answer(&state, &step)
      state.awake += state.delays.count { $0 <= step.time }
      state.delays.removeAll { $0 <= step.time }
      if nextCall == step.time {
        step.hasNewCall = true
        state.awake += 1
        state.nextCall += interval
      }
      return step
    }
  }

  /// Those whose time is over are told, or their pipeline's timers tell them.
  private func endAttempts(_ state: inout State, _ step: inout Step) {
    while state.ended < state.deadlines.count, state.deadlines[state.ended].time <= step.time {
      let number = state.deadlines[state.ended].number
      state.ended += 1
      guard let caller = state.callers[number] else { continue }
      state.awake += 1
      state.callers[number]?.isLate = true
      if endsAttempts {
        state.callers[number] = nil
        step.answers.append((caller.answer, .failure(GaveUp())))
      }
    }
  }

  /// The server has done with one request, whether or not somebody waits for the answer, and takes the
  /// next.
  private func answer(_ state: inout State, _ step: inout Step) {
    guard state.answersAt == step.time else { return }
    let number = state.queue[state.served]
    state.served += 1
    let phase = phase(at: step.time)
    state.answersAt = state.served < state.queue.count ? step.time + phase.service : nil
    guard let caller = state.callers[number], !caller.isLate else { return }
    state.callers[number] = nil
    state.awake += 1
    step.answers.append((caller.answer, phase.fails ? .failure(Failed()) : .success(())))
  }

  private func phase(at time: Duration) -> Phase {
    var end = Duration.zero
    for phase in phases {
      end += phase.length
      if time < end { return phase }
    }
    return phases[phases.count - 1]
  }

  private func slice(of time: Duration) -> Int {
    min(Int(time / OutageSimulation.slice), Int(length / OutageSimulation.slice) - 1)
  }
}

extension OutageSimulation.State {
  /// One caller less is awake. What is returned is to be resumed.
  fileprivate mutating func fallsAsleep() -> CheckedContinuation<Void, Never>? {
    awake -= 1
    guard awake == 0 else { return nil }
    defer { whenAllAsleep = nil }
    return whenAllAsleep
  }
}
