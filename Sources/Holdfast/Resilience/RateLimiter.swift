import CHoldfast
import Synchronization

/// Limits how often something may happen: so many times in a period, and so many at once.
///
/// ```swift
/// let limiter = try RateLimiter("mails", .init(permits: 10, per: .seconds(1)))
///
/// try limiter.take()
/// try await mailer.send(mail)
/// ```
///
/// Permits come in evenly, one each tenth of a second here, and are kept while nobody takes them, as many
/// as ``Options/burst`` says. Who comes too early is refused with ``RateLimitedError``, which says when to
/// come again; or waits, with ``wait(_:)``, if it need not be for longer than ``Options/longestWait``.
///
/// It is fair: who waits has its permits reserved, in the order of asking, and nobody who comes later can
/// take them. A call that is cancelled while it waits gives them back, to whoever asks next; those behind
/// it do not move up.
///
/// Any number of tasks may use one limiter at once. Nothing in it takes a lock but the timers of those who
/// wait.
@safe public final class RateLimiter: Sendable {
  /// What a limiter was asked for, in all.
  public struct Figures: Sendable, Hashable {
    /// How often permits were given.
    public let allowed: Int
    /// Of these, how often they were waited for.
    public let waited: Int
    /// How often there were none in time. Who was cancelled while it waited is not among them.
    public let rejected: Int
  }

  private struct Counts: ~Copyable {
    let allowed = Atomic(0)
    let waited = Atomic(0)
    let rejected = Atomic(0)
  }

  /// The name that errors carry.
  public let name: String

  /// Sendable: the C bucket may be used by any number of threads, and only `deinit` frees it.
  private nonisolated(unsafe) let pointer: OpaquePointer
  private let longestWait: UInt64
  let timers: Timers
  private let counts = Counts()

  /// Makes a limiter, with all permits there that may be taken at once.
  ///
  /// - Parameters:
  ///   - name: for errors.
  ///   - options: how often, how many at once, and for how long one waits.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when an option is out of range,
  ///   ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(1).
  public convenience init(
    _ name: String = "default", _ options: Options = Options()
  ) throws(HoldfastError) {
    try self.init(name, options, timers: .standard)
  }

  /// Makes a limiter with a clock of your own, such as one that a test moves by hand.
  ///
  /// - Parameters:
  ///   - name: for errors.
  ///   - options: how often, how many at once, and for how long one waits.
  ///   - clock: says when permits come in; who waits sleeps in it.
  /// - Throws: as the form without a clock.
  public convenience init(
    _ name: String = "default", _ options: Options = Options(), clock: some Clock<Duration>
  ) throws(HoldfastError) {
    try self.init(name, options, timers: Timers(clock: clock))
  }

  init(_ name: String, _ options: Options, timers: Timers) throws(HoldfastError) {
    var (raw, longestWait) = try options.raw()
    var bucket: OpaquePointer?
    var error = hf_error()
    let status = unsafe hf_token_bucket_create(&raw, timers.now, nil, &bucket, &error)
    guard status == HF_OK, let bucket = unsafe bucket else {
      throw HoldfastError(ofOptions: error, named: Options.names)
    }
    unsafe self.pointer = bucket
    self.name = name
    self.longestWait = longestWait
    self.timers = timers
  }

  deinit {
    unsafe hf_token_bucket_destroy(pointer)
  }

  // MARK: - Permits

  /// Takes permits that are there now. Never waits.
  ///
  /// - Parameter permits: how many at once; 0 or less takes none.
  /// - Throws: ``RateLimitedError`` when they are not there, which takes none of them.
  /// - Complexity: O(1), without a lock or an allocation.
  public func take(_ permits: Int = 1) throws(RateLimitedError) {
    var wait: UInt64 = 0
    guard
      unsafe hf_token_bucket_take(pointer, UInt64(clamping: permits), timers.now, &wait)
    else {
      throw refused(wait)
    }
    counts.allowed.add(1, ordering: .relaxed)
  }

  /// Takes permits, and returns once they are there.
  ///
  /// Who would have to wait for longer than ``Options/longestWait`` is refused at once.
  ///
  /// - Parameter permits: how many at once; 0 or less takes none.
  /// - Throws: ``RateLimitedError``, or `CancellationError` when the task is cancelled before; neither
  ///   takes a permit.
  /// - Complexity: O(1), without a suspension where the permits are there.
  public func wait(_ permits: Int = 1) async throws {
    try await enter(UInt64(clamping: permits), until: .max)
  }

  /// As ``wait(_:)`` for one permit, in a call that has to be over by a deadline. One that comes too late
  /// for it is not waited for: that is a refusal like that of the longest wait, and not a time-out.
  ///
  /// - Throws: also `DeadlinePassed`, when it has.
  func enter(until deadline: UInt64) async throws {
    try await enter(1, until: deadline)
  }

  private func enter(_ permits: UInt64, until deadline: UInt64) async throws {
    try Task.checkCancellation()
    let now = timers.now
    guard now < deadline else { throw DeadlinePassed() }
    var wait: UInt64 = 0
    let isReserved = unsafe hf_token_bucket_reserve(
      pointer, permits, now, min(longestWait, deadline - now), &wait)
    guard isReserved else { throw refused(wait) }
    if wait > 0 {
      do {
        let (end, overflow) = now.addingReportingOverflow(wait)
        try await timers.sleep(until: overflow ? .max : end)
      } catch {
        unsafe hf_token_bucket_give_back(pointer, permits)
        throw error
      }
      counts.waited.add(1, ordering: .relaxed)
    }
    counts.allowed.add(1, ordering: .relaxed)
  }

  private func refused(_ wait: UInt64) -> RateLimitedError {
    counts.rejected.add(1, ordering: .relaxed)
    return RateLimitedError(
      limiter: name, retryAfter: wait == .max ? nil : Duration(nanoseconds: wait))
  }

  // MARK: - Figures

  /// How many permits could be taken now: 0 to ``Options/burst``; 0 also while somebody waits.
  public var available: Int {
    unsafe Int(clamping: hf_token_bucket_available(pointer, timers.now))
  }

  /// What it was asked for, since it was made or reset. Each figure is exact; of calls just being made
  /// some may show one and not yet another.
  public var figures: Figures {
    Figures(
      allowed: counts.allowed.load(ordering: .relaxed),
      waited: counts.waited.load(ordering: .relaxed),
      rejected: counts.rejected.load(ordering: .relaxed))
  }

  /// Makes it as it was first, with all permits there. Who waits goes on waiting.
  public func reset() {
    unsafe hf_token_bucket_reset(pointer, timers.now)
    counts.allowed.store(0, ordering: .relaxed)
    counts.waited.store(0, ordering: .relaxed)
    counts.rejected.store(0, ordering: .relaxed)
  }
}
