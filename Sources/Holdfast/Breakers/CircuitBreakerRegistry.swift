import CHoldfast
import Synchronization

/// Circuit breakers by name: one for each host, tenant or route that is called.
///
/// ```swift
/// let breakers = try CircuitBreakerRegistry()
///
/// let page = try await breakers.breaker("shop.example").run { try await client.get(url) }
/// ```
///
/// Names that need other options, or another classifier, get them from the closure `overrides`:
///
/// ```swift
/// let breakers = try CircuitBreakerRegistry(overrides: { name in
///   name == "reports" ? .init(options: patient) : nil
/// })
/// ```
///
/// A breaker is made when its name is first asked for. While somebody holds it, the same name gives
/// the same breaker; nobody holding it, it goes on counting, and
/// ``evictIdle(for:remembering:budget:)`` takes it away after a while, later if it has something to
/// remember. Call that from time to time where names come from outside.
///
/// Asking for a breaker takes a lock for a moment; where one is called often, hold it.
public final class CircuitBreakerRegistry: Sendable {
  let handle: Handle
  private let time: TimeSource
  private let classify: @Sendable (any Error) -> CircuitBreaker.Outcome
  private let overrides: @Sendable (String) -> Override?
  private let listeners: TransitionPublisher.Listeners

  /// Makes a registry without breakers, with a coarse clock.
  ///
  /// - Parameters:
  ///   - options: of the breakers, but where `overrides` say otherwise.
  ///   - limit: the most breakers that there may be: 1 to 16,777,216.
  ///   - classify: what an error that a body throws says about the service, but where `overrides` say
  ///     otherwise.
  ///   - overrides: what is different for a name; `nil`: nothing is. See ``Override``.
  ///   - log: receives each transition as a line.
  ///   - onTransition: called with each transition; those of one breaker come in order.
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/outOfMemory``.
  public convenience init(
    options: CircuitBreaker.Options = CircuitBreaker.Options(), limit: Int = 1_000_000,
    classify: @escaping @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure },
    overrides: @escaping @Sendable (_ name: String) -> Override? = { _ in nil },
    log: CircuitBreaker.Log? = nil,
    onTransition: (@Sendable (CircuitBreaker.Transition) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(
      options: options, limit: limit, time: .coarse, classify: classify, overrides: overrides,
      listeners: TransitionPublisher.Listeners(log: log, onTransition: onTransition))
  }

  /// Makes a registry with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock.
  public convenience init(
    options: CircuitBreaker.Options = CircuitBreaker.Options(), limit: Int = 1_000_000,
    clock: some Clock<Duration>,
    classify: @escaping @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure },
    overrides: @escaping @Sendable (_ name: String) -> Override? = { _ in nil },
    log: CircuitBreaker.Log? = nil,
    onTransition: (@Sendable (CircuitBreaker.Transition) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(
      options: options, limit: limit, time: TimeSource(clock), classify: classify,
      overrides: overrides,
      listeners: TransitionPublisher.Listeners(log: log, onTransition: onTransition))
  }

  private init(
    options: CircuitBreaker.Options, limit: Int, time: TimeSource,
    classify: @escaping @Sendable (any Error) -> CircuitBreaker.Outcome,
    overrides: @escaping @Sendable (String) -> Override?,
    listeners: TransitionPublisher.Listeners
  ) throws(HoldfastError) {
    handle = try Handle(options, limit: limit)
    self.time = time
    self.classify = classify
    self.overrides = overrides
    self.listeners = listeners
  }

  deinit {
    listeners.streams.finish()
  }

  /// The breaker of a name, made if there is none yet.
  ///
  /// One that is there keeps the options that it was made with, or was given since by
  /// ``CircuitBreaker/configure(_:)``.
  ///
  /// - Parameter name: at most 4,096 bytes of UTF-8, by which names are told apart: "é" as one scalar
  ///   and as two are equal strings, but two names. Where they come from outside, normalize them.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` for a longer name, or when an option that
  ///   overrides the registry's is out of range; ``HoldfastError/Code/registryFull``,
  ///   ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(length of the name).
  public func breaker(_ name: String) throws(HoldfastError) -> CircuitBreaker {
    if let breaker = handle.held(name) { return breaker }
    // With no lock held: these are the caller's, and may come back here.
    return try breaker(name, override: overrides(name))
  }

  /// The breaker of a name; if there is none yet, one of this override instead of that of the registry.
  func breaker(_ name: String, override: Override?) throws(HoldfastError) -> CircuitBreaker {
    let options = try override?.options?.raw()
    let now = time.now
    return try handle.breaker(name, options: options, now: now) { pin in
      CircuitBreaker(
        name, pinned: pin, now: now, time: time, classify: override?.classify ?? classify,
        listeners: listeners)
    }
  }

  /// How many breakers take memory.
  ///
  /// - Complexity: O(1).
  public var count: Int { handle.count }

  /// Takes away breakers that nobody holds and that were not used for so long: those that are closed
  /// without a run of failures, and after a second, longer time also those in a run of failures, the
  /// half-open, and the open whose open time is over. What they have counted is gone.
  ///
  /// Those stay that are to be open yet, forced open, disabled or for metrics only.
  ///
  /// - Parameters:
  ///   - time: not less than a window of time is long.
  ///   - remembered: how long failures are remembered; a day by default. Less than `time` is as much.
  ///   - budget: how many places of the table to go over, from where the last call stopped; there
  ///     are about twice as many as the limit. All by default.
  /// - Returns: how many were taken away.
  /// - Complexity: O(budget).
  @discardableResult
  public func evictIdle(
    for time: Duration, remembering remembered: Duration = .seconds(86_400), budget: Int = .max
  ) -> Int {
    func nanoseconds(_ time: Duration) -> UInt64 {
      time <= .zero ? 0 : time.wholeNanoseconds ?? .max
    }
    return handle.evict(
      idle: nanoseconds(time), remembered: nanoseconds(remembered), budget: max(0, budget),
      now: self.time.now)
  }

  /// The transitions of all breakers from now on, for one reader; those of one breaker in order. As
  /// ``CircuitBreaker/events(keepingNewest:)``. The sequence ends with the registry.
  public func events(keepingNewest newest: Int = 64) -> CircuitBreaker.Events {
    listeners.streams.open(keepingNewest: newest)
  }

  /// In what condition the things are that are called.
  ///
  /// - Complexity: O(limit).
  public var health: Health { Health(of: handle.metrics(now: time.now)) }
}
