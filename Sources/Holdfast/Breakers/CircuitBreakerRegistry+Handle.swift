import CHoldfast

extension CircuitBreakerRegistry {
  /// Frees the C registry when neither the registry nor any of its breakers needs it.
  ///
  /// There is at most one `CircuitBreaker` of a name at a time, so that one publisher sees all of its
  /// transitions and can put them in order.
  @safe final class Handle: Sendable {
    /// Sendable: the C registry may be used by any number of threads, and only `deinit` frees it.
    private nonisolated(unsafe) let pointer: OpaquePointer
    private let living = Guarded<[ByteText: Weak]>([:])

    private struct Weak {
      weak var breaker: CircuitBreaker?
    }

    /// A C breaker that stays until it is unpinned.
    @safe struct Pin: Sendable {
      let registry: Handle
      /// Sendable: the C functions that take it may be called by any thread.
      nonisolated(unsafe) let breaker: OpaquePointer
      fileprivate nonisolated(unsafe) let raw: hf_breaker_pin
    }

    init(_ options: CircuitBreaker.Options, limit: Int) throws(HoldfastError) {
      var raw = hf_breaker_registry_options_default()
      raw.breaker = try options.raw()
      guard let limit = UInt32(exactly: limit) else {
        throw HoldfastError(
          HF_ERROR_INVALID_ARGUMENT, message: "limit is \(limit), which is out of range")
      }
      raw.limit = limit
      var registry: OpaquePointer?
      var error = hf_error()
      let seed = UInt64.random(in: .min ... .max)
      let status = unsafe hf_breaker_registry_create(&raw, seed, nil, &registry, &error)
      guard status == HF_OK, let registry = unsafe registry else {
        throw HoldfastError(ofOptions: error)
      }
      unsafe pointer = registry
    }

    deinit {
      unsafe hf_breaker_registry_destroy(pointer)
    }

    /// The breaker of a name, if somebody holds it.
    func held(_ name: String) -> CircuitBreaker? {
      living.withLock { $0[ByteText(name)]?.breaker }
    }

    /// The breaker of a name: the one that somebody holds, or one made of a pin.
    ///
    /// - Parameters:
    ///   - options: of a C breaker that is made, where they are not those of the registry.
    ///   - make: called under the lock, so it calls nothing of the caller's.
    func breaker(
      _ name: String, options: hf_breaker_options?, now: UInt64, make: (Pin) -> CircuitBreaker
    ) throws(HoldfastError) -> CircuitBreaker {
      try living.withLock { living throws(HoldfastError) in
        if let breaker = living[ByteText(name)]?.breaker { return breaker }
        let breaker = make(try pin(name, options: options, now: now))
        living[ByteText(name)] = Weak(breaker: breaker)
        return breaker
      }
    }

    private func pin(
      _ name: String, options: hf_breaker_options?, now: UInt64
    ) throws(HoldfastError) -> Pin {
      var error = hf_error()
      var contiguous = name
      let pin = unsafe withUnsafeTemporaryAllocation(of: hf_breaker_pin.self, capacity: 1) { pin in
        let status = contiguous.withUTF8 { utf8 in
          unsafe utf8.withMemoryRebound(to: CChar.self) { bytes in
            let pin = unsafe pin.baseAddress.unsafelyUnwrapped
            guard var options else {
              return unsafe hf_breaker_registry_pin(
                pointer, bytes.baseAddress, bytes.count, now, pin, &error)
            }
            return unsafe hf_breaker_registry_pin_with(
              pointer, bytes.baseAddress, bytes.count, &options, now, pin, &error)
          }
        }
        return unsafe status == HF_OK ? pin[0] : nil
      }
      guard let pin = unsafe pin else { throw HoldfastError(ofOptions: error) }
      return unsafe Pin(registry: self, breaker: pin.breaker, raw: pin)
    }

    /// Gives the pin of a breaker back that lives no more.
    func unpin(_ pin: Pin, of name: String, now: UInt64) {
      // Another one may have been made since this one began to go. It leaves the lock with us: had
      // everybody else let go of it meanwhile, its end would come here within the lock.
      _ = living.withLock { living in
        let other = living[ByteText(name)]?.breaker
        if other == nil { living[ByteText(name)] = nil }
        return other
      }
      var raw = unsafe pin.raw
      unsafe hf_breaker_unpin(&raw, now)
    }

    var count: Int { unsafe hf_breaker_registry_count(pointer) }

    func evict(idle: UInt64, remembered: UInt64, budget: Int, now: UInt64) -> Int {
      unsafe hf_breaker_registry_evict(
        pointer, now, min(idle, UInt64(Int64.max)), remembered, budget)
    }

    func metrics(now: UInt64) -> [(name: String, metrics: CircuitBreaker.Metrics)] {
      var found: [(name: String, metrics: CircuitBreaker.Metrics)] = []
      unsafe withUnsafeMutablePointer(to: &found) { found in
        _ = unsafe hf_breaker_registry_each(
          pointer, now,
          { found, name, length, snapshot in
            unsafe found?.assumingMemoryBound(
              to: [(name: String, metrics: CircuitBreaker.Metrics)].self
            ).pointee.append(
              (
                name: String(
                  decoding: UnsafeRawBufferPointer(start: name, count: length), as: UTF8.self),
                metrics: CircuitBreaker.Metrics(snapshot.pointee)
              ))
            return true
          }, found)
      }
      return found
    }
  }
}
