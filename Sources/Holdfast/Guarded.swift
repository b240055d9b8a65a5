package import Synchronization

/// A value behind a lock: a `Mutex` that ThreadSanitizer can follow.
///
/// On Linux the standard library's `Mutex` takes its lock in a library that is not instrumented, so
/// under the sanitizer two threads that come one after the other look like two at once. The flag is
/// read after the lock is taken and written before it is given back, which says in code that is
/// instrumented what the lock does anyway: who comes next sees all that went before. It orders no
/// more than the lock does, so it hides no race; outside the sanitizer it is two plain moves.
package struct Guarded<Value: ~Copyable>: ~Copyable {
  @usableFromInline let mutex: Mutex<Value>
  @usableFromInline let handedOver = Atomic(false)

  @inlinable package init(_ value: consuming sending Value) {
    mutex = Mutex(value)
  }

  /// What the body returns. It has the value for itself until then, so it calls nobody who might
  /// come back here.
  @inlinable package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock { value throws(Failure) -> sending Result in
      _ = handedOver.load(ordering: .acquiring)
      defer { handedOver.store(true, ordering: .releasing) }
      return try body(&value)
    }
  }
}
