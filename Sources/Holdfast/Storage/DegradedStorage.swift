/// An answer, and who gave it.
public struct StorageAnswer<Value: Sendable>: Sendable {
  /// Who answers.
  public enum Source: String, Sendable, Hashable {
    /// The storage that is meant to.
    case primary
    /// The memory that stands in for it.
    case standIn = "stand_in"
  }

  /// The answer.
  public let value: Value
  /// Who gave it.
  public let source: Source

  /// An answer of somebody.
  public init(_ value: Value, from source: Source) {
    self.value = value
    self.source = source
  }
}

/// A storage that memory stands in for while it cannot be reached.
///
/// ```swift
/// let storage = try DegradedStorage(redis)
/// let answer = try await storage.answer(isRead: true) { storage throws(StorageError) in
///   try await storage.get("user:1")
/// }
/// if answer.source == .standIn { … }  // it knows what was written since the loss, and no more
/// ```
///
/// This is a choice against consistency: the stand-in begins empty, others do not see what is written to
/// it, and what it says of a key may not be so. Choose it where an answer of that kind is better than an
/// error: for caches, rate limits, sessions. Not for locks or elections.
///
/// - **When.** The primary cannot be reached when it throws ``StorageError/Code/notConnected``,
///   ``StorageError/Code/timedOut`` or ``StorageError/Code/connectionLost``; as often in a row as
///   ``Options/failures`` says, and a circuit breaker opens. From then on the stand-in answers. Errors
///   that the server sends are answers, and passed on.
/// - **What was under way.** An operation that the primary did not do is done by the stand-in. A write of
///   which nobody knows whether it was done throws its error, `outcome` being unknown: to do it
///   again could do it twice. A read does no harm, and is answered.
/// - **When again.** After ``Options/retryAfter`` the next operation is tried with the primary: first
///   the writes made meanwhile are replayed, in their order, while the stand-in goes on to answer the
///   others, whose writes are replayed too, and whose reads may be older than what was just
///   replayed. Whoever's operation it is waits for the replay. Once there is none left, and the
///   primary has answered the operation, all go to the primary, and the stand-in forgets everything. So no replayed write
///   overwrites one that was made directly by this object later; but it may overwrite one that others
///   made meanwhile.
/// - **What is replayed** is the operation: a number is added to what the primary holds, a swap swaps if
///   the expected value is there. TTLs go on meanwhile. A write that the primary refuses, or that no
///   longer finds what it expects, is counted as failed; one that may have been done when the connection was
///   lost again is repeated where that is the same as doing it once, and else counted as unknown.
/// - **Messages** are the primary's alone: publishing and subscribing throw while it cannot be reached.
///
/// Any number of tasks may use it at once.
public final class DegradedStorage: Storage {
  /// When the stand-in answers, and what becomes of writes.
  public struct Options: Sendable, Hashable {
    /// What becomes of the writes that the stand-in did.
    public enum Writes: Sendable, Hashable {
      /// They are replayed; when so many wait, or so many bytes, others are refused with
      /// ``StorageError/Code/queueFull``.
      case replay(atMost: Int = 10_000, bytes: Int = 64 << 20)
      /// They are forgotten.
      case drop
    }

    /// How often in a row it must be found that the primary cannot be reached: 1 to 65,535, by
    /// default 1. Errors are passed on until then.
    public var failures = 1
    /// When it is tried again: 1 ms to 49 days, by default 5 s. It doubles each time that this is in
    /// vain.
    public var retryAfter = Duration.seconds(5)
    /// It grows to no more than this: 1 ms to 49 days, by default a minute.
    public var longestRetryAfter = Duration.seconds(60)
    /// How much the stand-in may hold; by default 64 MiB.
    public var limits = MemoryStorage.Limits(bytes: 64 << 20)
    /// What becomes of writes; by default they are replayed.
    public var writes = Writes.replay()

    /// The defaults.
    public init() {}
  }

  /// What became of things.
  public struct Figures: Sendable, Hashable {
    /// Whether the stand-in answers.
    public let isStandingIn: Bool
    /// How many operations it answered.
    public let standInAnswers: Int
    /// Writes that wait to be replayed.
    public let waiting: Int
    /// Writes that were replayed.
    public let replayed: Int
    /// Writes that the primary refused, or that came to nothing there.
    public let failed: Int
    /// Writes of which nobody knows whether they were replayed.
    public let unknown: Int
    /// Writes that were forgotten, as they were meant to be.
    public let dropped: Int
    /// Writes that were refused because too many waited.
    public let refused: Int
  }

  private struct Counts: Sendable {
    var standInAnswers = 0
    var replayed = 0
    var failed = 0
    var unknown = 0
    var isOpen = true
    var lastError: StorageError?
  }

  /// What is stood in for.
  public let primary: any Storage
  private let standIn: MemoryStorage
  private let failures: Int
  private let breaker: CircuitBreaker
  private let counts = Guarded(Counts())

  /// - Parameters:
  ///   - primary: what is stood in for.
  ///   - options: when, and what becomes of writes.
  ///   - clock: tells when the primary is tried again, and the TTLs of the stand-in.
  /// - Throws: ``StorageError/Code/invalidArgument`` when an option is out of range.
  public init(
    _ primary: any Storage, options: Options = Options(),
    clock: some Clock<Duration> = ContinuousClock()
  ) throws(StorageError) {
    var breaker = CircuitBreaker.Options()
    failures = max(1, options.failures)
    breaker.failureThreshold = failures
    breaker.openTime = options.retryAfter
    breaker.openGrowthPercent = 200
    breaker.longestOpenTime = max(options.retryAfter, options.longestRetryAfter)
    breaker.successThreshold = 1
    do {
      self.breaker = try CircuitBreaker("storage", options: breaker, clock: clock)
    } catch {
      throw StorageError(.invalidArgument, error.message)
    }
    self.primary = primary
    let journal =
      switch options.writes {
      case .replay(let count, let bytes): WriteJournal(mostWrites: max(1, count), mostBytes: bytes)
      case .drop: WriteJournal(mostWrites: 0, mostBytes: 0)
      }
    standIn = MemoryStorage(limits: options.limits, clock: clock, journal: journal)
  }

  /// What became of things until now.
  ///
  /// - Complexity: O(1).
  public var figures: Figures {
    let counts = counts.withLock { $0 }
    let journal = standIn.withJournal { $0 }
    return Figures(
      isStandingIn: journal.isOpen, standInAnswers: counts.standInAnswers, waiting: journal.count,
      replayed: counts.replayed, failed: counts.failed, unknown: counts.unknown,
      dropped: journal.dropped, refused: journal.refused)
  }

  // MARK: - Who answers

  /// Does one operation, and says who did it.
  ///
  /// - Parameters:
  ///   - isRead: whether it changes nothing, so that it may be done again when it is not known whether
  ///     it was done.
  ///   - operation: is given the storage to use: the primary, or, also after that failed, the stand-in.
  ///     It should be one operation: if the second of two fails, both are done again.
  /// - Throws: what the operation throws.
  public func answer<Value: Sendable>(
    isRead: Bool = false,
    _ operation: (any Storage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> StorageAnswer<Value> {
    try await answer(isRead: isRead, operation, standIn: operation)
  }

  /// The same where the stand-in does something else.
  func answer<Value: Sendable>(
    isRead: Bool,
    _ operation: (any Storage) async throws(StorageError) -> Value,
    standIn: (MemoryStorage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> StorageAnswer<Value> {
    while true {
      do throws(StorageError) {
        return try await answerOnce(isRead: isRead, operation, standIn)
      } catch {
        // Somebody has just replayed the last write: it is the primary's turn again.
        if error != .standsInNoMore { throw error }
      }
    }
  }

  private func answerOnce<Value: Sendable>(
    isRead: Bool, _ operation: (any Storage) async throws(StorageError) -> Value,
    _ standInOperation: (MemoryStorage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> StorageAnswer<Value> {
    guard isOpen else { throw StorageError(.notConnected, "the storage is closed") }
    let permit: CircuitBreaker.Permit
    do throws(CircuitOpenError) {
      permit = try breaker.acquire()
    } catch {
      standIn.withJournal { $0.open() }
      return try await askStandIn(standInOperation)
    }
    switch await replay() {
    case .done: break
    case .busy:
      permit.abandon()
      return try await askStandIn(standInOperation)
    case .stopped(let error) where error.code == .cancelled:
      permit.abandon()
      throw StorageError(.cancelled, error.message)
    case .stopped:
      permit.fail()
      return try await askStandIn(standInOperation)
    }
    do throws(StorageError) {
      let value = try await operation(primary)
      permit.succeed()
      standIn.standInNoMore()
      return StorageAnswer(value, from: .primary)
    } catch {
      let outcome = Self.outcome(of: error)
      permit.settle(as: outcome)
      if outcome == .success { standIn.standInNoMore() }
      guard Self.isUnreachable(error), isOpen, isDown(after: error),
        isRead || error.outcome == .notDone
      else { throw error }
      return try await askStandIn(standInOperation)
    }
  }

  private func askStandIn<Value: Sendable>(
    _ operation: (MemoryStorage) async throws(StorageError) -> Value
  ) async throws(StorageError) -> StorageAnswer<Value> {
    let value = try await operation(standIn)
    counts.withLock { $0.standInAnswers += 1 }
    return StorageAnswer(value, from: .standIn)
  }

  private var isOpen: Bool { counts.withLock { $0.isOpen } }

  /// Whether the breaker has opened. Then the stand-in answers until the last write is replayed.
  private func isDown(after error: StorageError) -> Bool {
    counts.withLock { $0.lastError = error }
    guard breaker.state != .closed else { return false }
    standIn.withJournal { $0.open() }
    return true
  }

  private static func isUnreachable(_ error: StorageError) -> Bool {
    [.notConnected, .timedOut, .connectionLost].contains(error.code)
  }

  /// What an error says about whether the primary can be reached.
  private static func outcome(of error: StorageError) -> CircuitBreaker.Outcome {
    if isUnreachable(error) { return .failure }
    // What never left says nothing.
    let silent: [StorageError.Code] = [.cancelled, .queueFull, .invalidArgument]
    return silent.contains(error.code) ? .neutral : .success
  }

  // MARK: - Replaying

  private enum Replay {
    case done, busy
    case stopped(StorageError)
  }

  /// Does at the primary what the stand-in did.
  private func replay() async -> Replay {
    var goesOn = false
    while true {
      let (step, now) = standIn.nextStep(goingOn: goesOn)
      goesOn = true
      switch step {
      case .done: return .done
      case .busy: return .busy
      case .write(let write):
        guard !Task.isCancelled else {
          standIn.withJournal { $0.stopReplaying(inVain: false) }
          return .stopped(StorageError(.cancelled, "the task was cancelled"))
        }
        do throws(StorageError) {
          let isDone = try await Self.apply(write, to: primary, at: now)
          counts.withLock { if isDone { $0.replayed += 1 } else { $0.failed += 1 } }
          standIn.withJournal { $0.removeFirst() }
        } catch {
          if let reason = keep(write, after: error) { return .stopped(reason) }
        }
      }
    }
  }

  /// In a task of its own: whoever is cancelled here is not the one whose write it is, which would
  /// become unknown.
  private static func apply(_ write: StorageWrite, to primary: any Storage, at now: Duration)
    async throws(StorageError) -> Bool
  {
    try await Task { () async -> Result<Bool, StorageError> in
      do throws(StorageError) {
        return .success(try await write.apply(to: primary, at: now))
      } catch {
        return .failure(error)
      }
    }
    .value.get()
  }

  /// Why replaying stops; `nil`: it goes on, with the next.
  private func keep(_ write: StorageWrite, after error: StorageError) -> StorageError? {
    let isAboutTheKey = [.wrongType, .notAnInteger, .overflow, .invalidArgument].contains(
      error.code)
    let isLost = error.outcome == .unknown && !write.isRepeatable
    let mayPass = Self.isUnreachable(error) || error.code == .cancelled
    // A server that is loading or full refuses everything for a while; it gets three chances.
    let isGivenUp =
      isAboutTheKey || (!mayPass && standIn.withJournal { $0.vainAttempts } >= 2)
    if isLost || isGivenUp {
      counts.withLock { if isLost { $0.unknown += 1 } else { $0.failed += 1 } }
      standIn.withJournal { $0.removeFirst() }
      if isGivenUp, !isLost { return nil }
    }
    counts.withLock { $0.lastError = error }
    standIn.withJournal { journal in
      journal.stopReplaying(inVain: !isLost && !mayPass)
    }
    return error
  }

  // MARK: - Opening and closing

  /// Connects the primary. That it cannot be reached is no error: the stand-in answers then.
  public func connect() async throws(StorageError) {
    counts.withLock { $0.isOpen = true }
    do throws(StorageError) {
      try await primary.connect()
    } catch {
      guard Self.isUnreachable(error) else { throw error }
      for _ in 0..<failures where breaker.state == .closed {
        do throws(CircuitOpenError) { try breaker.acquire().fail() } catch { break }
      }
      _ = isDown(after: error)
    }
  }

  /// Closes the primary. Writes that wait stay, and are replayed after the next ``connect()``; they are
  /// lost with the object.
  public func close() async {
    counts.withLock { $0.isOpen = false }
    await primary.close()
  }

  /// That of the primary, degraded while the stand-in answers.
  public func health() async -> StorageHealth {
    let (isOpen, lastError) = counts.withLock { ($0.isOpen, $0.lastError) }
    let figures = figures
    var details = [
      "answers by": figures.isStandingIn ? "stand_in" : "primary",
      "stand_in answers": String(figures.standInAnswers),
      "writes waiting": String(figures.waiting), "writes replayed": String(figures.replayed),
      "writes failed": String(figures.failed), "writes unknown": String(figures.unknown),
      "writes dropped": String(figures.dropped), "writes refused": String(figures.refused),
    ]
    guard isOpen else {
      return StorageHealth(.unhealthy, reason: "it is closed", details: details)
    }
    guard figures.isStandingIn else {
      let health = await primary.health()
      details.merge(health.details) { own, _ in own }
      return StorageHealth(
        health.status, reason: health.reason, latency: health.latency, details: details)
    }
    let reason = lastError.map { ": \($0)" } ?? ""
    return StorageHealth(
      .degraded, reason: "memory stands in for the primary storage\(reason)", latency: .zero,
      details: details)
  }
}

extension StorageError {
  /// A stand-in was asked after its time.
  static let standsInNoMore = StorageError(
    .init(rawValue: "stands_in_no_more"), "the primary storage answers again")
}

extension MemoryStorage {
  /// A storage that stands in for another while its journal is open.
  convenience init(limits: Limits, clock: some Clock<Duration>, journal: WriteJournal) {
    self.init(limits: limits, clock: clock)
    change { table, _ in table.journal = journal }
  }

  func withJournal<Result: Sendable>(_ body: (inout WriteJournal) -> Result) -> Result {
    change { table, _ in
      // One that was made without a journal stands in for nobody.
      var journal = table.journal.take() ?? WriteJournal(mostWrites: 0, mostBytes: 0)
      defer { table.journal = journal }
      return body(&journal)
    }
  }

  /// What is to be replayed next.
  func nextStep(goingOn: Bool) -> (WriteJournal.Step, now: Duration) {
    change { table, now in (table.journal?.next(goingOn: goingOn) ?? .done, now) }
  }

  /// The other storage has answered. Where nothing waits, this forgets all, and answers nothing.
  func standInNoMore() {
    change { table, _ in
      if table.journal?.close() ?? false { table.removeAll() }
    }
  }

  /// All keys that a pattern matches.
  func allKeys(matching pattern: StoragePattern) throws(StorageError) -> [String] {
    let matcher = pattern.matcher
    let page = try withTable { table, now throws(StorageError) in
      table.page(below: 0, of: .max, at: now)
    }
    return page.keys.filter { matcher.matches($0) }
  }
}
