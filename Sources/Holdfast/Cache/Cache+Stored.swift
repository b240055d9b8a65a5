extension Cache {
  /// How a value lies in the C cache: its own bytes, or the address of a box that holds it.
  ///
  /// The two never meet in one cache: which it is follows from the type.
  @usableFromInline enum Stored {
    /// A value that is not its own bytes.
    @usableFromInline final class Box: Sendable {
      @usableFromInline let value: Value

      init(_ value: Value) { self.value = value }
    }

    /// Values up to so many bytes lie in the cache.
    @inlinable static var mostBytes: Int { 64 }

    /// Whether values are their own bytes: they are small, and copying their bytes is all that copying
    /// them does.
    @inlinable static var areBytes: Bool {
      _isPOD(Value.self) && MemoryLayout<Value>.size <= mostBytes
    }

    /// Looks a value up.
    @inlinable static func read(_ key: RawSpan, from core: CacheCore) -> (CacheCore.Answer, Value?)
    {
      guard areBytes else {
        let (answer, box) = core.object(key)
        return (answer, box.map { value(in: $0) })
      }
      return unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { room in
        let found = unsafe core.copy(key, into: UnsafeMutableRawBufferPointer(room))
        // Safe: with a hit the room holds the bytes of a value, because nothing else was put, and a
        // value whose copies are its bytes needs no more.
        return (found.answer, found.answer.hasValue ? unsafe room[0] : nil)
      }
    }

    /// Looks several values up. Objects are looked up one by one: the lock is what keeps one there
    /// until it is held, and the C cache takes it for one key at a time.
    @inlinable static func read(_ keys: some Sequence<Key>, from core: CacheCore) -> [Value?] {
      guard areBytes else {
        return keys.map { key in key.withKeyBytes { key in read(key, from: core).1 } }
      }
      var values: [Value?] = []
      values.reserveCapacity(keys.underestimatedCount)
      unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: CacheCore.Keys.most) { rooms in
        unsafe core.copyMany(
          keys, into: UnsafeMutableRawBufferPointer(rooms), room: MemoryLayout<Value>.stride
        ) { found, value, _ in
          // Safe: as above.
          values.append(found.answer.hasValue ? unsafe value.load(as: Value.self) : nil)
        }
      }
      return values
    }

    /// Safe: only boxes of this type are put into this cache.
    @inlinable static func value(in box: AnyObject) -> Value {
      unsafe unsafeDowncast(box, to: Box.self).value
    }

    /// As `read`, and says who loads.
    static func reserve(
      _ key: RawSpan, _ want: CacheCore.Want, in core: CacheCore, _ load: inout CacheCore.Load
    ) -> (CacheCore.Answer, Value?) {
      guard areBytes else {
        let (answer, box) = core.reserveObject(key, want, &load)
        return (answer, box.map { value(in: $0) })
      }
      return unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { room in
        let answer = unsafe core.reserve(
          key, want, into: UnsafeMutableRawBufferPointer(room), &load)
        // Safe: as in `read`.
        return (answer, answer.hasValue ? unsafe room[0] : nil)
      }
    }

    /// Calls the body with the bytes that stand for a value. Does it return that they were put, then
    /// the cache owns a reference to the box, until `give(up:)`; otherwise nobody does.
    @discardableResult
    static func put<Failure: Error>(
      _ value: Value, _ body: (RawSpan) throws(Failure) -> Bool
    ) throws(Failure) -> Bool {
      guard areBytes else {
        // Safe: the reference is counted before another thread can meet the address. When it was not
        // put nobody has met it, and when it was, but has left again already, then `give(up:)` has
        // taken the count back; the object is not touched after that.
        let box = unsafe Unmanaged.passRetained(Box(value) as AnyObject)
        let address = unsafe box.toOpaque()
        do throws(Failure) {
          let isPut = try unsafe withUnsafeBytes(of: address) {
            (bytes: UnsafeRawBufferPointer) throws(Failure) -> Bool in
            try unsafe body(bytes.bytes)
          }
          if !isPut { unsafe box.release() }
          return isPut
        } catch {
          unsafe box.release()
          throw error
        }
      }
      // Safe: reads no more than the value's own bytes, padding among them.
      return try unsafe withUnsafeBytes(of: value) {
        (bytes: UnsafeRawBufferPointer) throws(Failure) -> Bool in
        try unsafe body(bytes.bytes)
      }
    }

    /// Takes a value back from an entry that has left; `nil` when it was negative.
    static func give(up bytes: RawSpan) -> Value? {
      guard areBytes else {
        guard unsafe bytes.byteCount == MemoryLayout<UnsafeRawPointer>.size else { return nil }
        // Safe: the cache tells of each entry that leaves once, after it has left, so this is the one
        // reference that `put` has counted for it. Whoever read it before has one of his own.
        let address = unsafe bytes.unsafeLoadUnaligned(as: UnsafeRawPointer.self)
        let box = unsafe Unmanaged<AnyObject>.fromOpaque(address).takeRetainedValue()
        return value(in: box)
      }
      guard bytes.byteCount == MemoryLayout<Value>.size else { return nil }
      return unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { room in
        // Safe: as in `read`.
        unsafe bytes.withUnsafeBytes { bytes in
          unsafe UnsafeMutableRawBufferPointer(room).copyMemory(from: bytes)
        }
        return unsafe room[0]
      }
    }
  }
}

extension [UInt8] {
  @inlinable init(copying bytes: RawSpan) {
    self = unsafe bytes.withUnsafeBytes { bytes in unsafe [UInt8](bytes) }
  }
}
