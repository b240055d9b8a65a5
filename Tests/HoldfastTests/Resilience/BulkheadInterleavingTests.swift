import Testing

@testable import Holdfast

/// A permit, a cancellation and a time that is up, in every order, before, between and after the
/// steps of those who wait; and at random against a plain model.
@Suite struct BulkheadInterleavingTests {
  /// Stands still.
  private let clock = ManualClock()
  private let timers: Timers

  init() { timers = Timers(clock: clock) }

  // MARK: - Every order

  private enum Event: CaseIterable {
    /// The call goes on, if it has something to go on with.
    case step
    /// A permit comes back.
    case leave
    case cancel
    case timeIsUp
  }

  /// Something that happens after the call looked for a permit, and before it is in the queue.
  private enum Interlude: CaseIterable {
    case none
    case leave
    case cancel
  }

  /// A call as it should be, with a permit that another one has until it leaves.
  private struct Model {
    var isStarted = false
    var isCancelled = false
    var hasOtherLeft = false
    var told: BulkheadCall.Outcome?
    var outcome: BulkheadCall.Outcome?

    var isInQueue: Bool { isStarted && told == nil }
    /// The permit is the call's, or has been.
    var isAdmitted: Bool { told == .admitted && outcome != .cancelled }

    mutating func step(_ interlude: Interlude) {
      if isStarted {
        guard outcome == nil, let told else { return }
        outcome = told == .admitted && isCancelled ? .cancelled : told
        return
      }
      isStarted = true
      if isCancelled {
        told = .cancelled
      } else if hasOtherLeft {
        told = .admitted
      } else {
        if interlude == .leave { hasOtherLeft = true }
        if interlude == .cancel { isCancelled = true }
        // Cancelled before it waits: told at once, but it goes on only then.
        if hasOtherLeft {
          told = .admitted
        } else if isCancelled {
          told = .cancelled
        } else {
          return
        }
      }
      outcome = told
    }

    mutating func tell(_ outcome: BulkheadCall.Outcome) {
      if isInQueue { told = outcome }
    }
  }

  /// As `#expect`, which takes too long to be done so often.
  private func expect(
    _ holds: Bool, _ story: @autoclosure () -> String,
    at place: SourceLocation = #_sourceLocation
  ) {
    if !holds { Issue.record("\(story())", sourceLocation: place) }
  }

  /// All words of so many events, in which nothing but steps comes twice.
  private func words(_ length: Int) -> [[Event]] {
    if length == 0 { return [[]] }
    return words(length - 1).flatMap { word in
      Event.allCases.filter { $0 == .step || !word.contains($0) }.map { word + [$0] }
    }
  }

  @Test func `whatever comes first counts, and a permit is never lost`() throws {
    var seen: [String: Int] = [:]
    for isDeadline in [false, true] {
      for interlude in Interlude.allCases {
        for word in words(6) {
          let outcome = try check(word, interlude, isDeadline: isDeadline)
          seen["\(outcome)", default: 0] += 1
        }
      }
    }
    // Each of the ways was taken.
    #expect(seen.keys.sorted() == ["admitted", "cancelled", "deadlinePassed", "full"])
  }

  private func check(
    _ word: [Event], _ interlude: Interlude, isDeadline: Bool
  ) throws -> BulkheadCall.Outcome {
    let bulkhead = try Bulkhead(
      "x", .init(limit: 1, queue: 2, longestWait: isDeadline ? nil : .seconds(1)), timers: timers)
    let other = BulkheadCall(bulkhead)
    other.step()
    #expect(other.outcome == .admitted)
    let call = BulkheadCall(bulkhead, until: isDeadline ? 1_000_000_000 : .max)
    var model = Model()
    /// Comes behind, as soon as the call waits.
    var second: BulkheadCall?
    var waiter: BulkheadWaiter?
    var story: String { "\(interlude) \(word)" }

    func happen(_ event: Event) {
      switch event {
      case .step:
        let isWaiting = model.isStarted && model.told == nil
        let isOver = model.outcome != nil
        if !model.isStarted, !model.isCancelled, !model.hasOtherLeft {
          switch interlude {
          case .none: break
          case .leave: clock.atNextRead { bulkhead.leave() }
          case .cancel: clock.atNextRead { call.cancel() }
          }
        }
        model.step(interlude)
        expect(call.step() == !(isWaiting || isOver), story)
        if model.isInQueue, second == nil {
          waiter = bulkhead.waiters.first
          second = BulkheadCall(bulkhead)
          second?.step()
        }
      case .leave:
        guard !model.hasOtherLeft else { return }
        model.hasOtherLeft = true
        model.tell(.admitted)
        bulkhead.leave()
      case .cancel:
        model.isCancelled = true
        model.tell(.cancelled)
        call.cancel()
      case .timeIsUp:
        model.tell(isDeadline ? .deadlinePassed : .full)
        waiter?.timeIsUp()
      }
      expect(call.outcome == model.outcome, story)
      let isSecondAdmitted =
        second != nil && model.hasOtherLeft && !model.isInQueue
        && !(model.told == .admitted && model.outcome != .cancelled)
      expect((second?.isReady ?? false) == isSecondAdmitted, story)
      let isInUse = !model.hasOtherLeft || model.isAdmitted || isSecondAdmitted
      expect(bulkhead.figures.inUse == (isInUse ? 1 : 0), story)
    }

    for event in word { happen(event) }
    // To the end: it goes on, and the permit comes back.
    for event in [Event.step, .leave, .step] { happen(event) }
    let outcome = try #require(call.outcome, "\(story)")
    if outcome == .admitted { bulkhead.leave() }
    if let second {
      second.step()
      expect(second.outcome == .admitted, story)
      bulkhead.leave()
    }
    let figures = bulkhead.figures
    expect(figures.inUse == 0, story)
    expect(figures.waiting == 0, story)
    expect(timers.armed == 0, story)
    return outcome
  }

  // MARK: - At random

  /// A bulkhead as simple as can be.
  private struct Plain {
    var limit = 3
    var queue = 4
    var inUse = 0
    var abandoned = 0
    var waiting: [Int] = []
    var told: [Int: BulkheadCall.Outcome] = [:]
    var cancelled: Set<Int> = []
    var admitted = 0
    var waited = 0
    var rejected = 0

    mutating func begin(_ call: Int) {
      if inUse < limit {
        inUse += 1
        admitted += 1
        told[call] = .admitted
      } else if waiting.count < queue {
        waiting.append(call)
        waited += 1
      } else {
        rejected += 1
        told[call] = .full
      }
    }

    mutating func admitWaiting() {
      while inUse < limit, !waiting.isEmpty {
        inUse += 1
        admitted += 1
        told[waiting.removeFirst()] = .admitted
      }
    }

    mutating func leave() {
      inUse -= 1
      admitWaiting()
    }

    mutating func tell(_ call: Int, _ outcome: BulkheadCall.Outcome) {
      guard let place = waiting.firstIndex(of: call) else { return }
      waiting.remove(at: place)
      told[call] = outcome
      if outcome == .full { rejected += 1 }
    }
  }

  @Test(arguments: 1...20)
  func `whatever is done, it does as the model does`(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var plain = Plain()
    let bulkhead = try Bulkhead(
      "x", .init(limit: plain.limit, queue: plain.queue, longestWait: .seconds(1)), timers: timers)
    var calls: [BulkheadCall] = []
    var waiters: [Int: BulkheadWaiter] = [:]
    /// Calls that were told and did not go on yet, those that hold a permit, and those whose caller
    /// has gone.
    var told: [Int] { plain.told.keys.filter { calls[$0].outcome == nil }.sorted() }
    var holding: [Int] = []
    var abandoned: [Int] = []

    var step = 0

    func goOn(_ call: Int) {
      let isHandedOn = plain.told[call] == .admitted && plain.cancelled.contains(call)
      expect(calls[call].step(), "step \(step)")
      expect(calls[call].outcome == (isHandedOn ? .cancelled : plain.told[call]), "step \(step)")
      if isHandedOn {
        plain.leave()
      } else if plain.told[call] == .admitted {
        holding.append(call)
      }
    }

    for number in 0..<2000 {
      step = number
      switch Int.random(in: 0..<20, using: &random) {
      case 0...5:
        let call = calls.count
        calls.append(BulkheadCall(bulkhead))
        plain.begin(call)
        expect(calls[call].step(), "step \(step)")
        expect(calls[call].outcome == plain.told[call], "step \(step)")
        if plain.told[call] == .admitted { holding.append(call) }
        if plain.told[call] == nil { waiters[call] = bulkhead.waiters.last }
      case 6...8:
        if let call = told.randomElement(using: &random) { goOn(call) }
      case 9...12:
        guard let place = holding.indices.randomElement(using: &random) else { continue }
        holding.remove(at: place)
        plain.leave()
        bulkhead.leave()
      case 13...14:
        guard let call = (plain.waiting + told).randomElement(using: &random) else { continue }
        plain.cancelled.insert(call)
        plain.tell(call, .cancelled)
        calls[call].cancel()
      case 15...16:
        guard let call = (plain.waiting + told).randomElement(using: &random) else { continue }
        plain.tell(call, .full)
        waiters[call]?.timeIsUp()
      case 17:
        plain.limit = .random(in: 1...5, using: &random)
        plain.queue = .random(in: 0...6, using: &random)
        plain.admitWaiting()
        try bulkhead.configure(
          .init(limit: plain.limit, queue: plain.queue, longestWait: .seconds(1)))
      case 18:
        guard let place = holding.indices.randomElement(using: &random) else { continue }
        abandoned.append(holding.remove(at: place))
        plain.abandoned += 1
        bulkhead.abandon()
      default:
        guard let call = abandoned.popLast() else { continue }
        plain.abandoned -= 1
        if Bool.random(using: &random) {
          plain.leave()
          bulkhead.leaveAbandoned()
        } else {
          holding.append(call)
          bulkhead.takeBack()
        }
      }
      expect(calls.indices.filter { calls[$0].isReady } == told, "step \(step)")
      let figures = bulkhead.figures
      expect(figures.limit == plain.limit, "step \(step)")
      expect(figures.inUse == plain.inUse, "step \(step)")
      expect(figures.waiting == plain.waiting.count, "step \(step)")
      expect(figures.abandoned == plain.abandoned, "step \(step)")
      expect(figures.admitted == plain.admitted, "step \(step)")
      expect(figures.waited == plain.waited, "step \(step)")
      expect(figures.rejected == plain.rejected, "step \(step)")
    }
    while !plain.waiting.isEmpty || !told.isEmpty || !holding.isEmpty || !abandoned.isEmpty {
      told.forEach(goOn)
      for _ in holding + abandoned {
        plain.leave()
        bulkhead.leave()
      }
      for _ in abandoned { bulkhead.takeBack() }
      holding = []
      abandoned = []
    }
    #expect(bulkhead.figures.inUse == 0)
    #expect(timers.armed == 0)
    #expect(plain.admitted > 100)
    #expect(plain.rejected > 10)
  }

  // MARK: - Many at once

  /// Counts bodies that run.
  private final class Load: Sendable {
    private let counts = Guarded((now: 0, most: 0, total: 0))
    var most: Int { counts.withLock { $0.most } }
    var total: Int { counts.withLock { $0.total } }

    func begin() {
      counts.withLock { counts in
        counts.now += 1
        counts.total += 1
        counts.most = max(counts.most, counts.now)
      }
    }

    func end() { counts.withLock { $0.now -= 1 } }
  }

  @Test(.timeLimit(.minutes(5)))
  func `thousands of tasks at once, many of them cancelled, leave nothing behind`() async throws {
    let bulkhead = try Bulkhead("x", .init(limit: 5, queue: 100_000))
    let load = Load()
    let tasks = (0..<4000).map { number in
      Task {
        try await bulkhead.run {
          load.begin()
          for _ in 0..<number % 4 { await Task.yield() }
          load.end()
        }
      }
    }
    for (number, task) in tasks.enumerated() where number % 3 == 0 {
      task.cancel()
      await Task.yield()
    }
    var finished = 0
    for task in tasks {
      switch await task.result {
      case .success: finished += 1
      case .failure(let error): #expect(error is CancellationError)
      }
    }
    #expect(load.total == finished)
    #expect(load.most <= 5)
    #expect(finished >= 2600)
    let figures = bulkhead.figures
    #expect(figures.inUse == 0)
    #expect(figures.waiting == 0)
    #expect(figures.rejected == 0)
    #expect(figures.admitted >= finished)
  }
}
