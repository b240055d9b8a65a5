extension Cache {
  // MARK: - Loading

  /// The value of a key, loaded if there is none: by one task, while the others wait for it.
  ///
  /// ```swift
  /// let user = try await users.value(forKey: id, ttl: .seconds(60)) {
  ///   try await database.user(id)
  /// }
  /// ```
  ///
  /// The first who asks loads, in its own task. Who asks meanwhile waits, and is told what the loader
  /// was told: the value, or the error.
  ///
  /// * A waiter that is cancelled leaves at once with a `CancellationError`; the load goes on.
  /// * A loader that is cancelled, and throws therefore, takes nobody with it: one of the waiters loads
  ///   in its place. When its load returns in spite of that, the value counts.
  /// * When the key is set, removed or invalidated during a load, the loader has its value, but the
  ///   cache keeps what was done meanwhile, and waiters ask again.
  /// * A loader that is not done within ``CacheOptions/loadLease`` is given up: the next who asks loads
  ///   too, and who waits for the first gets the value of the second.
  ///
  /// A value past its soft TTL is returned at once; the first who gets it starts one load in the
  /// background, whose failure leaves everything as it is.
  ///
  /// A load that asks for its own key waits for itself.
  ///
  /// - Parameters:
  ///   - key: a longer one than 65,535 bytes is loaded each time.
  ///   - ttl: how long a loaded value lives; by default as the cache's options say. One of zero or less
  ///     is for those who are waiting, and not kept; what was under the key goes.
  ///   - load: makes the value.
  /// - Throws: what `load` throws, `CancellationError`.
  public func value(
    forKey key: Key, ttl: Duration? = nil, load: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await value(forKey: key, options: CacheEntryOptions(ttl: ttl), load: load)
  }

  /// The value of a key, loaded if there is none, with more to say about it: see
  /// ``value(forKey:ttl:load:)``.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` for options that are out of range, too.
  public func value(
    forKey key: Key, options: CacheEntryOptions,
    load: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try options.check()
    while true {
      switch try await step(key, .value, options, load) {
      case .value(let value): return value
      // Somebody else found that there is none; here a value is wanted.
      case .none, .askAgain: continue
      }
    }
  }

  /// The value of a key, loaded if it is not known whether there is one. That there is none, which the
  /// load says by `nil`, is remembered too: for ``CacheOptions/negativeTTL``.
  ///
  /// ```swift
  /// let user = try await users.valueIfAny(forKey: id) { try await database.userIfAny(id) }
  /// ```
  ///
  /// The rest is as for ``value(forKey:ttl:load:)``.
  public func valueIfAny(
    forKey key: Key, ttl: Duration? = nil, load: @escaping @Sendable () async throws -> Value?
  ) async throws -> Value? {
    try await valueIfAny(forKey: key, options: CacheEntryOptions(ttl: ttl), load: load)
  }

  /// The value of a key, if it has one, with more to say about it. The TTLs are a value's; that there is
  /// none is remembered for ``CacheOptions/negativeTTL``.
  public func valueIfAny(
    forKey key: Key, options: CacheEntryOptions,
    load: @escaping @Sendable () async throws -> Value?
  ) async throws -> Value? {
    try options.check()
    while true {
      switch try await step(key, .answer, options, load) {
      case .value(let value): return value
      case .none: return nil
      case .askAgain: continue
      }
    }
  }

  private enum Step {
    case value(Value)
    case none
    case askAgain

    init(_ value: Value?) { self = value.map { .value($0) } ?? .none }
  }

  /// Looks, and loads or waits if need be.
  private func step(
    _ key: Key, _ want: CacheCore.Want, _ options: CacheEntryOptions,
    _ load: @escaping @Sendable () async throws -> Value?
  ) async throws -> Step {
    var reserved = CacheCore.Load()
    let (answer, value) = key.withKeyBytes { key in Stored.reserve(key, want, in: core, &reserved) }
    if let value {
      if reserved.role == .loader { refresh(key, options, reserved, load) }
      return .value(value)
    }
    switch reserved.role {
    case .loader: return Step(try await run(key, options, reserved, load))
    case .waiter: return try await wait(key, reserved)
    case .none: return answer == .negative ? .none : .askAgain
    }
  }

  /// Loads anew what is served meanwhile.
  private func refresh(
    _ key: Key, _ options: CacheEntryOptions, _ reserved: CacheCore.Load,
    _ load: @escaping @Sendable () async throws -> Value?
  ) {
    // Nobody waits for it, so nobody is told of its failure: the next who is given the old value tries
    // again.
    Task { _ = try? await run(key, options, reserved, load) }
  }

  private func run(
    _ key: Key, _ options: CacheEntryOptions, _ reserved: CacheCore.Load,
    _ load: @Sendable () async throws -> Value?
  ) async throws -> Value? {
    let outcome: CacheWaiters<Value>.Outcome
    defer { waiters.tell(outcome, load: reserved.number, for: hash(of: key)) }
    do {
      let value = try await load()
      outcome = publish(value, key, options, reserved) ? .loaded(value) : .askAgain
      return value
    } catch {
      key.withKeyBytes { key in core.abandon(key, reserved) }
      outcome = error is CancellationError || Task.isCancelled ? .askAgain : .failed(error)
      throw error
    }
  }

  /// Ends a load. False: the value is out of date.
  private func publish(
    _ value: Value?, _ key: Key, _ options: CacheEntryOptions, _ reserved: CacheCore.Load
  ) -> Bool {
    key.withKeyBytes { key in
      guard let value else {
        let negative = CacheEntryOptions(tags: options.tags)
        return core.publish(key, RawSpan(), negative: true, negative, reserved) != .cancelled
      }
      if options.isOver { return core.handOver(key, options, reserved) }
      var published = CacheCore.Published.refused
      Stored.put(value) { bytes in
        published = core.publish(key, bytes, negative: false, options, reserved)
        return published == .put
      }
      return published != .cancelled
    }
  }

  private func wait(_ key: Key, _ reserved: CacheCore.Load) async throws -> Step {
    try Task.checkCancellation()
    let waiter = CacheWaiter<Value>(number: reserved.number)
    let hash = hash(of: key)
    waiters.add(waiter, for: hash)
    // Whoever ends a load ends it in the core first, and then tells those who are noted here. So if it
    // goes on after this waiter was noted, the waiter will be told; if not, it may have come too late.
    if !key.withKeyBytes({ key in core.isLoading(key, reserved) }) { waiter.tell(.askAgain) }
    let outcome = await waiter.outcome()
    switch outcome {
    case .loaded(let value): return Step(value)
    case .failed(let error): throw error
    case .askAgain:
      waiters.remove(waiter, for: hash)
      return .askAgain
    case .cancelled:
      waiters.remove(waiter, for: hash)
      throw CancellationError()
    }
  }

  private func hash(of key: Key) -> Int {
    key.withKeyBytes { key in
      var hasher = Hasher()
      unsafe key.withUnsafeBytes { key in unsafe hasher.combine(bytes: key) }
      return hasher.finalize()
    }
  }
}
