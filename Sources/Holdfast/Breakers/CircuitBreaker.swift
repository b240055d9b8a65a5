import CHoldfast

/// Keeps a service from calling something that has stopped answering.
///
/// ```swift
/// let payments = try CircuitBreaker("payments")
///
/// let receipt = try await payments.run { try await client.charge(order) }
/// ```
///
/// While closed, calls pass and are counted. When they fail too often (five times in a row, unless
/// ``Options`` say otherwise) it opens: `run` throws ``CircuitOpenError`` at once, with the time
/// left. After the open time it is half-open: a few probes pass; enough successes close it, a
/// failure opens it again. A probe that never comes back blocks no longer than its lease.
///
/// A call that throws has failed, unless `classify` says otherwise. A call that was cancelled, or
/// that throws once its task was cancelled, counts as nothing: cancelling says nothing about the
/// service.
///
/// Where a call is not a closure, ``acquire()`` gives a ``Permit`` that is settled by hand.
///
/// Any number of tasks may use one breaker at once. A call takes no lock; only transitions do, while
/// they are handed to those who listen.
@safe public final class CircuitBreaker: Sendable {
  /// The name that errors, transitions and logs carry.
  public let name: String

  /// Sendable: the C breaker may be used by any number of threads, and only `deinit` frees it, or
  /// gives it back.
  nonisolated(unsafe) let pointer: OpaquePointer
  /// Whose it is, if a registry's.
  private let pin: CircuitBreakerRegistry.Handle.Pin?
  let time: TimeSource
  private let classify: @Sendable (any Error) -> Outcome
  let publisher: TransitionPublisher

  /// Makes a breaker, closed, with a coarse clock: it moves in steps of 1 to 10 ms, and reading it
  /// takes an eighth of what `ContinuousClock` takes.
  ///
  /// - Parameters:
  ///   - name: for errors, transitions and logs.
  ///   - options: when it opens, and for how long.
  ///   - classify: what an error that the body throws says about the service; by default it failed.
  ///     Not asked about a call that was cancelled.
  ///   - log: receives each transition as a line; see ``Log``.
  ///   - onTransition: called with each transition, in order, once, by the task that made it or
  ///     that is just delivering another one. It may use the breaker. Others do not wait for one that
  ///     takes long: their transitions wait in memory, and are told after it; of more than 1,048,576
  ///     some would be lost.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when an option is out of range,
  ///   ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(1).
  public convenience init(
    _ name: String = "default", options: Options = Options(),
    classify: @escaping @Sendable (any Error) -> Outcome = { _ in .failure },
    log: Log? = nil, onTransition: (@Sendable (Transition) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(
      name, options: options, time: .coarse, classify: classify, log: log,
      onTransition: onTransition)
  }

  /// Makes a breaker with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock.
  ///
  /// - Parameters:
  ///   - name: for errors, transitions and logs.
  ///   - options: when it opens, and for how long.
  ///   - clock: read at the beginning of each call, and at its end where the time matters.
  ///   - classify: what an error that the body throws says about the service.
  ///   - log: receives each transition as a line.
  ///   - onTransition: called with each transition.
  public convenience init(
    _ name: String = "default", options: Options = Options(), clock: some Clock<Duration>,
    classify: @escaping @Sendable (any Error) -> Outcome = { _ in .failure },
    log: Log? = nil, onTransition: (@Sendable (Transition) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(
      name, options: options, time: TimeSource(clock), classify: classify, log: log,
      onTransition: onTransition)
  }

  private init(
    _ name: String, options: Options, time: TimeSource,
    classify: @escaping @Sendable (any Error) -> Outcome, log: Log?,
    onTransition: (@Sendable (Transition) -> Void)?
  ) throws(HoldfastError) {
    var raw = try options.raw()
    var breaker: OpaquePointer?
    var error = hf_error()
    let seed = UInt64.random(in: .min ... .max)
    let status = unsafe hf_breaker_create(&raw, seed, time.now, nil, &breaker, &error)
    guard status == HF_OK, let breaker = unsafe breaker else {
      throw HoldfastError(ofOptions: error)
    }
    unsafe self.pointer = breaker
    self.pin = nil
    self.name = name
    self.time = time
    self.classify = classify
    self.publisher = TransitionPublisher(to: .init(log: log, onTransition: onTransition))
  }

  /// The breaker of a registry, made under its lock: it calls nothing of the caller's, the clock
  /// neither. No other `CircuitBreaker` has the same pin.
  init(
    _ name: String, pinned pin: CircuitBreakerRegistry.Handle.Pin, now: UInt64, time: TimeSource,
    classify: @escaping @Sendable (any Error) -> Outcome,
    listeners: TransitionPublisher.Listeners
  ) {
    unsafe self.pointer = pin.breaker
    self.pin = pin
    self.name = name
    self.time = time
    self.classify = classify
    let generation = unsafe hf_breaker_read(pin.breaker, now).generation
    self.publisher = TransitionPublisher(
      to: listeners, after: Int(generation), streams: TransitionStreams())
  }

  deinit {
    publisher.streams.finish()
    if let pin {
      pin.registry.unpin(pin, of: name, now: time.now)
    } else {
      unsafe hf_breaker_destroy(pointer)
    }
  }

  // MARK: - One call

  /// Asks for a permit, to be settled by hand.
  ///
  /// ```swift
  /// let permit = try breaker.acquire()
  /// let reply = await connection.reply(to: request)
  /// if reply.isComplete { permit.succeed() } else { permit.fail() }
  /// ```
  ///
  /// Prefer `run` where the call is a closure: it also knows what to do about errors and
  /// cancellation.
  ///
  /// - Throws: ``CircuitOpenError`` when the call is not permitted.
  /// - Complexity: O(1), no allocation.
  public func acquire() throws(CircuitOpenError) -> Permit {
    Permit(try begin(), of: self)
  }

  /// What acquiring found.
  @usableFromInline struct Ticket: Sendable {
    /// Of the permit; ``refused`` when there was none.
    @usableFromInline var state: UInt64
    /// When the call began; how long to wait, in nanoseconds, when it was refused.
    var time: UInt64

    /// No permit has all bits set: those of the payload are never.
    @inlinable static var refused: UInt64 { .max }

    /// As the core gave it.
    @inline(__always) fileprivate var permit: hf_permit {
      hf_permit(state: state, started_ns: time, retry_after_ns: 0)
    }
  }

  @inlinable func begin() throws(CircuitOpenError) -> Ticket {
    let ticket = admit()
    if ticket.state == Ticket.refused { throw refusal(ticket) }
    return ticket
  }

  // `admit` and `succeed` are on the path of every call, and each store before the core's locked
  // addition is waited for. So the core's usual way is compiled into them, the permit stays in
  // registers, and what is rare stands apart in functions of its own; there is no canary
  // ("unprotected") beside a permit that is not in memory at all.

  @usableFromInline func admit() -> Ticket {
    let now = time.now
    var permit = hf_permit()
    let isClosed = unsafe _withUnprotectedUnsafeMutablePointer(to: &permit) { permit in
      unsafe hf_breaker_acquire_if_closed(pointer, now, permit)
    }
    return isClosed ? Ticket(state: permit.state, time: now) : admitOtherwise(at: now)
  }

  /// In any state.
  @inline(never) private func admitOtherwise(at now: UInt64) -> Ticket {
    var permit = hf_permit()
    var transition = hf_transition()
    let status = unsafe hf_breaker_acquire(pointer, now, &permit, &transition)
    if transition.cause != HF_BREAKER_UNCHANGED { publish(transition) }
    return status == HF_OK
      ? Ticket(state: permit.state, time: now)
      : Ticket(state: Ticket.refused, time: permit.retry_after_ns)
  }

  @inline(never) @usableFromInline
  func refusal(_ ticket: Ticket) -> CircuitOpenError {
    CircuitOpenError(
      breaker: name, retryAfter: ticket.time == 0 ? nil : Duration(nanoseconds: ticket.time))
  }

  /// Whether it counted: not when it was late.
  @discardableResult @inlinable
  func finish(_ ticket: Ticket, as outcome: Outcome) -> Bool {
    outcome == .success ? succeed(ticket) : finishOtherwise(ticket, as: outcome)
  }

  @usableFromInline func succeed(_ ticket: Ticket) -> Bool {
    var permit = ticket.permit
    let isCounted = unsafe _withUnprotectedUnsafeMutablePointer(to: &permit) { permit in
      unsafe hf_breaker_settle_if_only_counted(pointer, permit)
    }
    return isCounted || finishOtherwise(ticket, as: .success)
  }

  /// With the time.
  @inline(never) @usableFromInline
  func finishOtherwise(_ ticket: Ticket, as outcome: Outcome) -> Bool {
    var permit = ticket.permit
    var transition = hf_transition()
    let counted = unsafe hf_breaker_settle(pointer, &permit, outcome.raw, time.now, &transition)
    if transition.cause != HF_BREAKER_UNCHANGED { publish(transition) }
    return counted
  }

  @usableFromInline func finish(_ ticket: Ticket, throwing error: any Error) {
    let cancelled = error is CancellationError || Task.isCancelled
    finish(ticket, as: cancelled ? .neutral : classify(error))
  }

  // MARK: - Looking and handling

  /// What it would do with a call now: an open breaker whose time is over is half-open.
  ///
  /// - Complexity: O(1).
  public var state: State { State(unsafe hf_breaker_peek(pointer, time.now)) }

  /// Puts it into a state by hand.
  ///
  /// Whichever it is, it begins anew: no run of failures, an empty window, and open times grow from
  /// the first. ``State/halfOpen`` lets probes pass at once.
  ///
  /// - Complexity: O(1).
  public func transition(to state: State) {
    publish(unsafe hf_breaker_set_state(pointer, state.raw, time.now))
  }

  /// Closes it and makes every figure 0.
  ///
  /// - Complexity: O(processors).
  public func reset() {
    publish(unsafe hf_breaker_reset(pointer, time.now))
  }

  /// Replaces the options, but not the kind and size of the window, which stay as they were.
  ///
  /// Calls under way may meet some of the old and some of the new options. Of tasks that configure one
  /// breaker at the same moment, each option is that of one of them: where that matters, let them take
  /// turns.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when one is out of range; nothing changed then.
  /// - Complexity: O(1).
  public func configure(_ options: Options) throws(HoldfastError) {
    var raw = try options.raw()
    var error = hf_error()
    guard unsafe hf_breaker_configure(pointer, &raw, &error) == HF_OK else {
      throw HoldfastError(ofOptions: error)
    }
  }

  @inline(never) private func publish(_ transition: hf_transition) {
    // To the end: a registry makes no other one of this name as long as this one delivers.
    withExtendedLifetime(self) { publisher.publish(Transition(transition, of: name)) }
  }
}
