/// Keeps calls to one thing from taking everything: so many may be under way at once, so many more
/// may wait, and the rest are refused.
///
/// ```swift
/// var options = Bulkhead.Options()
/// options.limit = 10
/// options.queue = 100
/// options.longestWait = .seconds(1)
/// let reports = try Bulkhead("reports", options)
///
/// let report = try await reports.run { try await renderer.render(order) }
/// ```
///
/// It is fair. Calls are admitted in the order in which they asked: a permit that is given back
/// goes to the first who waits, and nobody who comes later can take it in between.
///
/// A call that is cancelled while it waits leaves the queue at once. One that is admitted and
/// cancelled at the same moment throws a `CancellationError`, and its permit goes to the next.
///
/// Where a call is not a closure, ``acquire()`` gives a ``Permit``. A call that asks again while it
/// holds a permit may wait for itself: give it one bulkhead for each thing that it calls.
///
/// Any number of tasks may use one bulkhead at once. A call that need not wait takes a lock for a
/// moment at its beginning and at its end, and allocates nothing.
public final class Bulkhead: Sendable {
  /// The figures of a bulkhead at one moment. Totals fall only by
  /// ``Bulkhead/reset()``.
  public struct Figures: Sendable, Hashable {
    /// How many calls may be under way at once.
    public let limit: Int
    /// Permits that are out. More than ``limit`` only after that was lowered.
    public let inUse: Int
    /// Of these, the ones of calls that nobody waits for any more: they passed their time-out or
    /// were cancelled, but have not ended. See ``ResiliencePipeline``.
    public let abandoned: Int
    /// Calls that wait.
    public let waiting: Int
    /// Permits that were given out, in all.
    public let admitted: Int
    /// Calls that had to wait, whatever became of them, in all.
    public let waited: Int
    /// Calls that were refused because it was full, at once or after the longest wait, in all.
    /// Those that were cancelled, or whose own deadline passed, while they waited are not among
    /// them.
    public let rejected: Int
  }

  /// The name that errors carry.
  public let name: String

  let timers: Timers
  let state: Guarded<State>

  /// Makes a bulkhead.
  ///
  /// - Parameters:
  ///   - name: for errors.
  ///   - options: how many calls, and for how long they wait.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when an option is out of range.
  /// - Complexity: O(1).
  public convenience init(
    _ name: String = "default", _ options: Options = Options()
  ) throws(HoldfastError) {
    try self.init(name, options, timers: .standard)
  }

  /// Makes a bulkhead with a clock of your own, such as one that a test moves by hand.
  ///
  /// - Parameters:
  ///   - name: for errors.
  ///   - options: how many calls, and for how long they wait.
  ///   - clock: measures the longest wait.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when an option is out of range.
  public convenience init(
    _ name: String = "default", _ options: Options = Options(), clock: some Clock<Duration>
  ) throws(HoldfastError) {
    try self.init(name, options, timers: Timers(clock: clock))
  }

  init(_ name: String, _ options: Options, timers: Timers) throws(HoldfastError) {
    self.name = name
    self.timers = timers
    state = Guarded(try State(options))
  }

  // MARK: - Calls

  /// Makes a call once it is admitted.
  ///
  /// - Parameter body: the call, on the caller's actor.
  /// - Returns: what the body returns.
  /// - Throws: ``BulkheadFullError`` when it is full, `CancellationError` when the task is
  ///   cancelled before the call is admitted, or what the body throws.
  /// - Complexity: O(1) beside the body's; no allocation unless it waits.
  @inlinable
  public func run<Result: ~Copyable>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    try await enter(until: .max)
    defer { leave() }
    return try await body()
  }

  /// Asks for a permit, and waits for it if need be.
  ///
  /// ```swift
  /// let permit = try await reports.acquire()
  /// printer.print(report) { permit.release() }
  /// ```
  ///
  /// - Throws: ``BulkheadFullError`` when it is full, at once or after ``Options/longestWait``;
  ///   `CancellationError` when the task is cancelled.
  /// - Complexity: O(1).
  public func acquire() async throws -> Permit {
    try await enter(until: .max)
    return Permit(of: self)
  }

  /// Takes a permit if there is one now.
  ///
  /// - Returns: `nil` while as many calls are under way as may be, and so while anybody waits.
  /// - Complexity: O(1), no allocation.
  public func tryAcquire() -> Permit? {
    let isAdmitted = state.withLock { state in
      if state.admit() { return true }
      state.rejected += 1
      return false
    }
    return isAdmitted ? Permit(of: self) : nil
  }

  /// The leave to make one call; it is given back at the latest when it is dropped.
  public struct Permit: ~Copyable, Sendable {
    private let bulkhead: Bulkhead
    private var released = false

    fileprivate init(of bulkhead: Bulkhead) { self.bulkhead = bulkhead }

    deinit {
      if !released { bulkhead.leave() }
    }

    /// Gives it back: the call has ended.
    public consuming func release() {
      // A type with a reference in it cannot discard itself, so that `deinit` has to be told.
      released = true
      bulkhead.leave()
    }
  }

  // MARK: - Looking and handling

  /// The figures now, of one moment.
  ///
  /// - Complexity: O(1).
  public var figures: Figures {
    state.withLock { state in
      Figures(
        limit: state.options.limit, inUse: state.inUse, abandoned: state.abandoned,
        waiting: state.waiting.count, admitted: state.admitted, waited: state.waited,
        rejected: state.rejected)
    }
  }

  /// Replaces the options.
  ///
  /// A higher limit admits those who wait at once. A lower one takes no permit away: nobody is
  /// admitted until enough of them came back. Who waits already goes on waiting, as long as it was
  /// to wait when it came.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when one is out of range; nothing changed
  ///   then.
  /// - Complexity: O(those who are admitted).
  public func configure(_ options: Options) throws(HoldfastError) {
    let longestWait = try options.check()
    let admitted = state.withLock { state in
      state.options = options
      state.longestWait = longestWait
      var admitted: [BulkheadWaiter] = []
      while let waiter = state.admitNext() { admitted.append(waiter) }
      return admitted
    }
    for waiter in admitted { waiter.tell(.success(())) }
  }

  /// Makes every total 0, for tests. Permits that are out stay out, and who waits goes on waiting.
  ///
  /// - Complexity: O(1).
  public func reset() {
    state.withLock { state in
      state.admitted = 0
      state.waited = 0
      state.rejected = 0
    }
  }

  // MARK: - For pipelines

  /// Takes a permit, which ``leave()`` gives back.
  ///
  /// - Parameter deadline: of the whole call, in nanoseconds of the timers; `.max`: none.
  /// - Throws: as ``acquire()``; ``DeadlinePassed`` when it would wait, or waits, beyond the
  ///   deadline.
  @usableFromInline func enter(until deadline: UInt64) async throws {
    try Task.checkCancellation()
    if state.withLock({ $0.admit() }) { return }
    try await wait(until: deadline)
  }

  /// Gives a permit back: it goes to the first who waits.
  @usableFromInline func leave() {
    let next = state.withLock { state in
      state.inUse -= 1
      return state.admitNext()
    }
    // With no lock held, as whoever goes on may come back here.
    next?.tell(.success(()))
  }

  /// The body of a call that holds a permit goes on without its caller. The permit stays out.
  func abandon() { state.withLock { $0.abandoned += 1 } }

  /// Undoes ``abandon()``: the body ended just when it was to be left behind.
  func takeBack() { state.withLock { $0.abandoned -= 1 } }

  /// The body that was abandoned has ended.
  func leaveAbandoned() {
    takeBack()
    leave()
  }

  // MARK: - Waiting

  /// Where there was no permit a moment ago.
  private func wait(until deadline: UInt64) async throws {
    let now = timers.now
    guard now < deadline else { throw DeadlinePassed() }
    let waiter = try state.withLock { state throws(BulkheadFullError) -> BulkheadWaiter? in
      if state.admit() { return nil }
      guard state.waiting.count < state.options.queue, state.longestWait > 0 else {
        throw state.reject(by: name)
      }
      let (end, isNever) = now.addingReportingOverflow(state.longestWait)
      let isDeadline = isNever || deadline <= end
      let waiter = BulkheadWaiter(
        number: state.waiting.nextNumber, of: self, end: isDeadline ? deadline : end,
        isDeadline: isDeadline)
      state.waiting.append(waiter)
      state.waited += 1
      return waiter
    }
    if let waiter { try await wait(as: waiter) }
  }

  /// Whoever takes a waiter out of the queue, under the lock, tells it why, and nobody else does.
  /// So of a permit, a cancellation and a time that is up at the same moment one counts: a waiter
  /// that is given a permit knows of it, and one that leaves otherwise has none.
  private func wait(as waiter: BulkheadWaiter) async throws {
    // It is in the queue by now, so the timer finds it there, or told already.
    let timer = waiter.end == .max ? nil : timers.arm(waiter, at: waiter.end)
    defer {
      if let timer { timers.disarm(timer) }
    }
    try await withTaskCancellationHandler {
      try await waiter.admission()
    } onCancel: {
      leaveQueue(waiter) { _ in CancellationError() }
    }
    // Cancelled after it was admitted, and before it went on: the call is not to begin.
    guard !Task.isCancelled else {
      leave()
      throw CancellationError()
    }
  }

  /// The time of a waiter is up.
  func timeIsUp(for waiter: BulkheadWaiter) {
    leaveQueue(waiter) { state in
      if waiter.isDeadline { return DeadlinePassed() }
      return state.reject(by: name)
    }
  }

  /// Takes a waiter out of the queue and tells it why, if it is still there.
  private func leaveQueue(_ waiter: BulkheadWaiter, because reason: (inout State) -> any Error) {
    let error = state.withLock { state in
      state.waiting.remove(waiter.number) != nil ? reason(&state) : nil
    }
    if let error { waiter.tell(.failure(error)) }
  }

  struct State {
    var options: Options
    /// In nanoseconds; `.max`: as long as it takes.
    var longestWait: UInt64
    var inUse = 0
    var abandoned = 0
    /// Nobody waits while there is a permit left.
    var waiting = NumberedQueue<BulkheadWaiter>()
    var admitted = 0
    var waited = 0
    var rejected = 0

    init(_ options: Options) throws(HoldfastError) {
      longestWait = try options.check()
      self.options = options
    }

    /// Gives a permit out, if there is one; then nobody waits for it.
    mutating func admit() -> Bool {
      guard inUse < options.limit else { return false }
      inUse += 1
      admitted += 1
      return true
    }

    /// Gives a permit to the first who waits, if there are both.
    mutating func admitNext() -> BulkheadWaiter? {
      guard inUse < options.limit, let waiter = waiting.popFirst() else { return nil }
      inUse += 1
      admitted += 1
      return waiter
    }

    mutating func reject(by bulkhead: String) -> BulkheadFullError {
      rejected += 1
      return BulkheadFullError(
        bulkhead: bulkhead, limit: options.limit, waiting: waiting.count)
    }
  }
}
