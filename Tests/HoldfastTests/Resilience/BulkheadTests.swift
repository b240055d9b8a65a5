import CHoldfastInternals
import Testing

@testable import Holdfast

@Suite(.timeLimit(.minutes(5))) struct BulkheadTests {
  private let clock = ManualClock()
  private let timers: Timers

  init() { timers = Timers(clock: clock) }

  private func bulkhead(
    limit: Int = 1, queue: Int = 10, longestWait: Duration? = nil
  ) throws -> Bulkhead {
    try Bulkhead(
      "reports", .init(limit: limit, queue: queue, longestWait: longestWait), timers: timers)
  }

  /// A call that came to where it waits, or to its end.
  private func call(_ bulkhead: Bulkhead, until deadline: UInt64 = .max) -> BulkheadCall {
    let call = BulkheadCall(bulkhead, until: deadline)
    call.step()
    return call
  }

  // MARK: - Order and bounds

  @Test func `so many calls are admitted, so many wait, and the rest are refused`() throws {
    let bulkhead = try bulkhead(limit: 2, queue: 3)
    let calls = (0..<6).map { _ in call(bulkhead) }
    #expect(calls.map(\.outcome) == [.admitted, .admitted, nil, nil, nil, .full])
    let figures = bulkhead.figures
    #expect(figures.limit == 2)
    #expect(figures.inUse == 2)
    #expect(figures.waiting == 3)
    #expect(figures.admitted == 2)
    #expect(figures.waited == 3)
    #expect(figures.rejected == 1)
    #expect(figures.abandoned == 0)
    calls.forEach { $0.cancel() }
    calls.forEach { $0.step() }
  }

  @Test func `by default nobody waits`() throws {
    let bulkhead = try Bulkhead("reports", .init(limit: 1), timers: timers)
    #expect(call(bulkhead).outcome == .admitted)
    #expect(call(bulkhead).outcome == .full)
    #expect(bulkhead.figures.waited == 0)
    bulkhead.leave()
    #expect(call(bulkhead).outcome == .admitted)
  }

  @Test func `who came first is admitted first`() throws {
    let bulkhead = try bulkhead()
    #expect(call(bulkhead).outcome == .admitted)
    let calls = (0..<10).map { _ in call(bulkhead) }
    for next in calls.indices {
      bulkhead.leave()
      #expect(calls.map(\.isReady) == calls.indices.map { $0 == next })
      calls[next].step()
      #expect(calls[next].outcome == .admitted)
      #expect(bulkhead.figures.inUse == 1)
    }
    bulkhead.leave()
    #expect(bulkhead.figures.inUse == 0)
  }

  @Test func `nobody overtakes one who waits, not even before it goes on`() throws {
    let bulkhead = try bulkhead()
    #expect(call(bulkhead).outcome == .admitted)
    let first = call(bulkhead)
    bulkhead.leave()
    // The permit is the first's, who does not know of it yet.
    #expect(first.outcome == nil)
    let second = call(bulkhead)
    #expect(second.outcome == nil)
    let permit = bulkhead.tryAcquire()
    let isAdmitted = permit != nil
    #expect(!isAdmitted)
    first.step()
    #expect(first.outcome == .admitted)
    bulkhead.leave()
    second.step()
    #expect(second.outcome == .admitted)
  }

  @Test func `one in the middle leaves, and the order of the others stays`() throws {
    let bulkhead = try bulkhead()
    #expect(call(bulkhead).outcome == .admitted)
    let calls = (0..<5).map { _ in call(bulkhead) }
    for left in [1, 3] {
      calls[left].cancel()
      calls[left].step()
      #expect(calls[left].outcome == .cancelled)
    }
    #expect(bulkhead.figures.waiting == 3)
    for next in [0, 2, 4] {
      bulkhead.leave()
      #expect(calls.indices.filter { calls[$0].isReady } == [next])
      calls[next].step()
    }
    bulkhead.leave()
    #expect(bulkhead.figures.inUse == 0)
    #expect(bulkhead.figures.admitted == 4)
  }

  @Test func `a place in the queue that was left can be taken`() throws {
    let bulkhead = try bulkhead(queue: 1)
    #expect(call(bulkhead).outcome == .admitted)
    for _ in 0..<3 {
      let waiting = call(bulkhead)
      #expect(call(bulkhead).outcome == .full)
      waiting.cancel()
      waiting.step()
      #expect(waiting.outcome == .cancelled)
    }
    #expect(bulkhead.figures.rejected == 3)
  }

  // MARK: - What a caller sees

  @Test func `a body runs while it has a permit, and gives it back whatever becomes of it`()
    async throws
  {
    let bulkhead = try bulkhead()
    let inUse = try await bulkhead.run { bulkhead.figures.inUse }
    #expect(inUse == 1)
    #expect(bulkhead.figures.inUse == 0)
    await #expect(throws: ServiceError.down) {
      try await bulkhead.run { throw ServiceError.down }
    }
    #expect(bulkhead.figures.inUse == 0)
    #expect(bulkhead.figures.admitted == 2)
  }

  @Test func `a permit is given back once, by hand or when it is dropped`() async throws {
    let bulkhead = try bulkhead(limit: 2)
    let first = try await bulkhead.acquire()
    let second = bulkhead.tryAcquire()
    #expect(bulkhead.figures.inUse == 2)
    first.release()
    #expect(bulkhead.figures.inUse == 1)
    _ = consume second
    #expect(bulkhead.figures.inUse == 0)
  }

  @Test func `a refusal says who is full and how`() async throws {
    let bulkhead = try bulkhead(queue: 1)
    #expect(call(bulkhead).outcome == .admitted)
    let waiting = call(bulkhead)
    let error = await #expect(throws: BulkheadFullError.self) { try await bulkhead.run {} }
    #expect(error == BulkheadFullError(bulkhead: "reports", limit: 1, waiting: 1))
    #expect(error?.code == .bulkheadFull)
    #expect(
      error?.description
        == "bulkhead_full: the bulkhead 'reports' is full: 1 under way at most, 1 waiting")
    waiting.cancel()
    waiting.step()
    let odd = BulkheadFullError(bulkhead: "two\nlines", limit: 1, waiting: 0)
    #expect(odd.description.contains("'two lines'"))
  }

  @Test func `asking without waiting counts as a refusal`() throws {
    let bulkhead = try bulkhead()
    let permit = bulkhead.tryAcquire()
    let second = bulkhead.tryAcquire()
    let isRefused = second == nil
    #expect(isRefused)
    #expect(bulkhead.figures.rejected == 1)
    #expect(bulkhead.figures.admitted == 1)
    _ = consume permit
  }

  // MARK: - Time

  @Test func `the longest wait ends in a refusal`() async throws {
    let bulkhead = try bulkhead(longestWait: .seconds(2))
    let permit = bulkhead.tryAcquire()
    let waiting = Task { try await bulkhead.run {} }
    // Until it waits: another task brings that about.
    while bulkhead.figures.waiting == 0 || timers.armed == 0 { await Task.yield() }
    clock.advance(by: .nanoseconds(1_999_999_999))
    #expect(bulkhead.figures.waiting == 1)
    clock.advance(by: .nanoseconds(1))
    await #expect(throws: BulkheadFullError(bulkhead: "reports", limit: 1, waiting: 0)) {
      try await waiting.value
    }
    #expect(bulkhead.figures.rejected == 1)
    #expect(bulkhead.figures.waited == 1)
    #expect(timers.armed == 0)
    _ = consume permit
    #expect(bulkhead.figures.inUse == 0)
  }

  @Test func `the deadline of a call ends its wait`() async throws {
    let bulkhead = try bulkhead(longestWait: .seconds(2))
    let permit = bulkhead.tryAcquire()
    let waiting = Task { try await bulkhead.enter(until: 1_000_000_000) }
    while bulkhead.figures.waiting == 0 || timers.armed == 0 { await Task.yield() }
    clock.advance(by: .seconds(1))
    await #expect(throws: DeadlinePassed.self) { try await waiting.value }
    #expect(bulkhead.figures.rejected == 0)
    #expect(timers.armed == 0)
    _ = consume permit
  }

  @Test func `the earlier of the deadline and the longest wait counts`() throws {
    clock.advance(by: .seconds(1))
    func end(_ longestWait: Duration?, _ deadline: UInt64) throws -> (UInt64, Bool)? {
      let bulkhead = try bulkhead(longestWait: longestWait)
      #expect(call(bulkhead).outcome == .admitted)
      let waiting = call(bulkhead, until: deadline)
      defer {
        waiting.cancel()
        waiting.step()
      }
      return bulkhead.waiters.first.map { ($0.end, $0.isDeadline) }
    }
    #expect(try #require(try end(.seconds(2), 2_000_000_000)) == (2_000_000_000, true))
    #expect(try #require(try end(.seconds(2), 3_000_000_000)) == (3_000_000_000, true))
    #expect(try #require(try end(.seconds(2), 3_000_000_001)) == (3_000_000_000, false))
    #expect(try #require(try end(.seconds(2), .max)) == (3_000_000_000, false))
    #expect(try #require(try end(nil, 5_000_000_000)) == (5_000_000_000, true))
    #expect(try #require(try end(.nanoseconds(Int64.max), .max)).0 == 1_000_000_000 + 1 << 63 - 1)
    #expect(try #require(try end(.seconds(18_446_744_073), .max)).0 == .max)
    #expect(timers.armed == 0)
  }

  @Test func `no timer is needed where a call may wait as long as it takes`() throws {
    let bulkhead = try bulkhead()
    let permit = bulkhead.tryAcquire()
    let waiting = call(bulkhead)
    #expect(bulkhead.figures.waiting == 1)
    #expect(timers.armed == 0)
    _ = consume permit
    waiting.step()
    #expect(waiting.outcome == .admitted)
  }

  @Test func `a deadline that passed lets nobody wait, but takes no permit away`() throws {
    clock.advance(by: .seconds(1))
    let bulkhead = try bulkhead()
    #expect(call(bulkhead, until: 1_000_000_000).outcome == .admitted)
    #expect(call(bulkhead, until: 1_000_000_000).outcome == .deadlinePassed)
    #expect(call(bulkhead, until: 0).outcome == .deadlinePassed)
    #expect(call(bulkhead, until: 1_000_000_001).outcome == nil)
    #expect(bulkhead.figures.waiting == 1)
    // The others were not even in the queue.
    #expect(bulkhead.figures.waited == 1)
    bulkhead.waiters.forEach { $0.timeIsUp() }
  }

  @Test func `a longest wait of zero refuses at once`() throws {
    let bulkhead = try bulkhead(longestWait: .zero)
    #expect(call(bulkhead).outcome == .admitted)
    #expect(call(bulkhead).outcome == .full)
    #expect(bulkhead.figures.waited == 0)
  }

  @Test func `a call that need not wait does not read the clock`() async throws {
    let bulkhead = try bulkhead()
    let reads = clock.readCount
    try await bulkhead.run {}
    #expect(clock.readCount == reads)
  }

  @Test func `a call that need not wait allocates nothing`() async throws {
    guard hft_allocated_bytes() != UInt64.max else {
      print("skipped: allocations are counted only where the program uses jemalloc")
      return
    }
    let bulkhead = try bulkhead()
    // It never waits, so it stays on this thread, whose count it is.
    for _ in 0..<10 { try await bulkhead.run {} }
    let before = hft_allocated_bytes()
    for _ in 0..<1000 { try await bulkhead.run {} }
    let allocated = hft_allocated_bytes() - before
    #expect(allocated == 0, "\(allocated) bytes")
    #expect(bulkhead.figures.admitted == 1010)
  }

  // MARK: - Cancellation

  @Test func `a call that was cancelled before takes no permit`() throws {
    let bulkhead = try bulkhead()
    let call = BulkheadCall(bulkhead)
    call.cancel()
    call.step()
    #expect(call.outcome == .cancelled)
    #expect(bulkhead.figures.admitted == 0)
  }

  // MARK: - Bodies without a caller

  @Test func `a permit whose caller has gone is in use until its body ends`() throws {
    let bulkhead = try bulkhead(limit: 2)
    #expect(call(bulkhead).outcome == .admitted)
    #expect(call(bulkhead).outcome == .admitted)
    bulkhead.abandon()
    bulkhead.abandon()
    #expect(bulkhead.figures.abandoned == 2)
    #expect(bulkhead.figures.inUse == 2)
    let waiting = call(bulkhead)
    #expect(waiting.outcome == nil)
    bulkhead.takeBack()
    #expect(bulkhead.figures.abandoned == 1)
    #expect(!waiting.isReady)
    bulkhead.leaveAbandoned()
    #expect(bulkhead.figures.abandoned == 0)
    waiting.step()
    #expect(waiting.outcome == .admitted)
    #expect(bulkhead.figures.inUse == 2)
  }

  @Test func `a reset takes totals away, but no permit and no place in the queue`() throws {
    let bulkhead = try bulkhead(queue: 1)
    let calls = (0..<3).map { _ in call(bulkhead) }
    bulkhead.abandon()
    bulkhead.reset()
    let figures = bulkhead.figures
    #expect([figures.admitted, figures.waited, figures.rejected] == [0, 0, 0])
    #expect([figures.inUse, figures.waiting, figures.abandoned] == [1, 1, 1])
    bulkhead.leaveAbandoned()
    calls[1].step()
    #expect(calls[1].outcome == .admitted)
    #expect(bulkhead.figures.admitted == 1)
  }

  // MARK: - Options

  @Test func `a higher limit admits those who wait, in order`() throws {
    let bulkhead = try bulkhead()
    #expect(call(bulkhead).outcome == .admitted)
    let calls = (0..<4).map { _ in call(bulkhead) }
    try bulkhead.configure(.init(limit: 3, queue: 10))
    #expect(calls.map(\.isReady) == [true, true, false, false])
    calls.forEach { $0.step() }
    #expect(bulkhead.figures.inUse == 3)
    #expect(bulkhead.figures.admitted == 3)
    try bulkhead.configure(.init(limit: 100, queue: 0))
    calls.forEach { $0.step() }
    #expect(calls.allSatisfy { $0.outcome == .admitted })
    #expect(bulkhead.figures.inUse == 5)
    #expect(bulkhead.figures.waiting == 0)
  }

  @Test func `a lower limit admits nobody until enough permits came back`() throws {
    let bulkhead = try bulkhead(limit: 3)
    for _ in 0..<3 { #expect(call(bulkhead).outcome == .admitted) }
    let waiting = call(bulkhead)
    try bulkhead.configure(.init(limit: 1, queue: 10))
    #expect(bulkhead.figures.inUse == 3)
    bulkhead.leave()
    bulkhead.leave()
    #expect(!waiting.isReady)
    let permit = bulkhead.tryAcquire()
    let isRefused = permit == nil
    #expect(isRefused)
    bulkhead.leave()
    waiting.step()
    #expect(waiting.outcome == .admitted)
    #expect(bulkhead.figures.inUse == 1)
  }

  @Test func `a shorter queue sends nobody away`() throws {
    let bulkhead = try bulkhead()
    #expect(call(bulkhead).outcome == .admitted)
    let waiting = call(bulkhead)
    try bulkhead.configure(.init(limit: 1, queue: 0))
    #expect(call(bulkhead).outcome == .full)
    bulkhead.leave()
    waiting.step()
    #expect(waiting.outcome == .admitted)
  }

  @Test func `a new longest wait is for those who come later`() throws {
    let bulkhead = try bulkhead(longestWait: .seconds(1))
    let permit = bulkhead.tryAcquire()
    let calls = [call(bulkhead)]
    try bulkhead.configure(.init(limit: 1, queue: 10, longestWait: .seconds(5)))
    let later = call(bulkhead)
    #expect(bulkhead.waiters.map(\.end) == [1_000_000_000, 5_000_000_000])
    for call in calls + [later] {
      call.cancel()
      call.step()
    }
    _ = consume permit
  }

  @Test(arguments: [
    (Bulkhead.Options(limit: 0), "limit is 0; it must be 1 to 1000000"),
    (Bulkhead.Options(limit: 1_000_001), "limit is 1000001; it must be 1 to 1000000"),
    (Bulkhead.Options(limit: 1, queue: -1), "queue is -1; it must be 0 to 1000000"),
    (Bulkhead.Options(limit: 1, queue: 1_000_001), "queue is 1000001; it must be 0 to 1000000"),
    (
      Bulkhead.Options(limit: 1, longestWait: .seconds(-1)),
      "longestWait is -1.0 seconds; it must be zero or more, or nil"
    ),
  ])
  func `what is out of range is refused`(options: Bulkhead.Options, message: String) throws {
    let bulkhead = try bulkhead()
    for attempt in [{ _ = try Bulkhead("x", options) }, { try bulkhead.configure(options) }] {
      let error = #expect(throws: HoldfastError.self) { try attempt() }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message == message)
    }
    #expect(bulkhead.figures.limit == 1)
  }

  @Test func `the ends of the ranges are accepted`() throws {
    _ = try Bulkhead("x", .init(limit: 1, queue: 0, longestWait: .zero))
    _ = try Bulkhead("x", .init(limit: 1_000_000, queue: 1_000_000, longestWait: nil))
    let options = Bulkhead.Options()
    #expect(options.limit == 25)
    #expect(options.queue == 0)
    #expect(options.longestWait == nil)
  }
}
