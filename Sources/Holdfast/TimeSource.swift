#if canImport(Glibc)
  import Glibc
  import SwiftOverlayShims
#elseif canImport(Musl)
  import Musl
#elseif canImport(Android)
  import Android
#endif
#if os(Linux) || os(Android)
  // Which module declares `timespec` depends on which is loaded first.
  import SwiftOverlayShims
#endif

/// The clock of a breaker as the core takes it: nanoseconds since some beginning.
struct TimeSource: Sendable {
  /// `nil`: the coarse clock, which is worth a branch because it costs no more than that.
  private let read: (@Sendable () -> UInt64)?

  /// The clock that the kernel moves on with each tick, 100 to 1,000 times a second; `ContinuousClock`
  /// where there is none.
  static let coarse = TimeSource()

  init(_ clock: some Clock<Duration>) {
    let origin = clock.now
    // A clock that goes back behind its beginning stands still.
    read = { origin.duration(to: clock.now).wholeNanoseconds ?? 0 }
  }

  private init() {
    #if os(Linux) || os(Android)
      read = nil
    #else
      self.init(ContinuousClock())
    #endif
  }

  var now: UInt64 {
    if read != nil { return given }
    #if os(Linux) || os(Android)
      var time = timespec()
      unsafe _withUnprotectedUnsafeMutablePointer(to: &time) { time in
        _ = unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, time)
      }
      return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
        &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    #else
      return 0
    #endif
  }

  /// Apart, so that reading the coarse clock needs few registers.
  @inline(never) private var given: UInt64 { read?() ?? 0 }
}
