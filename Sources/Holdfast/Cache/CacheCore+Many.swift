import CHoldfast

extension CacheCore {
  /// Keys to be looked up together: their bytes, one after the other.
  @usableFromInline struct Keys {
    /// As many as the C cache asks for memory at once.
    @inlinable static var most: Int { 16 }

    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var ends: [Int] = []

    @inlinable init() {
      ends.reserveCapacity(Keys.most)
    }

    @inlinable mutating func append(_ key: RawSpan) {
      unsafe key.withUnsafeBytes { key in unsafe bytes.append(contentsOf: key) }
      ends.append(bytes.count)
    }

    @inlinable mutating func removeAll() {
      bytes.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
  }

  /// As `copy` for each of several keys, in order; their memory is asked for together, so in a large
  /// cache it is waited for once rather than for each.
  ///
  /// - Parameters:
  ///   - keys: each stands alone, also one that comes twice.
  ///   - buffer: room for `Keys.most` values, which the next ones overwrite.
  ///   - room: for one value.
  ///   - tell: is told what was found of each key, where its value is, and its bytes. It may use the
  ///     cache.
  @inlinable func copyMany<Key: CacheKey>(
    _ keys: some Sequence<Key>, into buffer: UnsafeMutableRawBufferPointer, room: Int,
    _ tell: (Found, UnsafeRawBufferPointer, RawSpan) -> Void
  ) {
    var together = Keys()
    for key in keys {
      key.withKeyBytes { key in together.append(key) }
      if together.ends.count == Keys.most {
        unsafe copy(together, into: buffer, room: room, tell)
        together.removeAll()
      }
    }
    if !together.ends.isEmpty {
      unsafe copy(together, into: buffer, room: room, tell)
    }
  }

  /// Up to `Keys.most` of them.
  @usableFromInline func copy(
    _ keys: Keys, into buffer: UnsafeMutableRawBufferPointer, room: Int,
    _ tell: (Found, UnsafeRawBufferPointer, RawSpan) -> Void
  ) {
    unsafe keys.bytes.withUnsafeBytes { bytes in
      unsafe withUnsafeTemporaryAllocation(of: hf_cache_lookup.self, capacity: Keys.most) {
        lookups in
        var start = 0
        for (index, end) in keys.ends.enumerated() {
          unsafe lookups.initializeElement(
            at: index,
            to: hf_cache_lookup(
              key: bytes.baseAddress?.advanced(by: start), key_bytes: end - start,
              buffer: buffer.baseAddress?.advanced(by: index * room), capacity_bytes: room,
              answer: HF_CACHE_MISS, found: hf_cache_found()))
          start = end
        }
        guard let first = lookups.baseAddress else { return }
        unsafe hf_cache_get_many(pointer, first, keys.ends.count, time.now)
        for index in 0..<keys.ends.count {
          let lookup = unsafe lookups[index]
          let key = unsafe UnsafeRawBufferPointer(start: lookup.key, count: lookup.key_bytes)
          unsafe tell(
            Found(answer: Answer(lookup.answer), byteCount: lookup.found.value_bytes),
            UnsafeRawBufferPointer(start: lookup.buffer, count: room), key.bytes)
        }
      }
    }
  }
}
