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

/// A clock as the core takes it: nanoseconds since some beginning.
struct TimeSource: Sendable {
  /// `nil`: one of the system's, which is worth a branch because reading the coarse one costs no
  /// more than that.
  private let read: (@Sendable () -> UInt64)?
  private let isPrecise: Bool

  /// The clock that the kernel moves on with each tick, 100 to 1,000 times a second;
  /// `ContinuousClock` where there is none.
  static let coarse = TimeSource(isPrecise: false)

  /// The same clock to the nanosecond, for some 20 ns a look; `ContinuousClock` where there is
  /// none.
  static let precise = TimeSource(isPrecise: true)

  init(_ clock: some Clock<Duration>) {
    self.init(clock, since: clock.now)
  }

  init<Source: Clock<Duration>>(_ clock: Source, since origin: Source.Instant) {
    // A clock that goes back behind its beginning stands still.
    read = { origin.duration(to: clock.now).wholeNanoseconds ?? 0 }
    isPrecise = true
  }

  private init(isPrecise: Bool) {
    #if os(Linux) || os(Android)
      read = nil
      self.isPrecise = isPrecise
    #else
      self.init(ContinuousClock())
    #endif
  }

  var now: UInt64 {
    if read != nil { return given }
    #if os(Linux) || os(Android)
      var time = timespec()
      unsafe _withUnprotectedUnsafeMutablePointer(to: &time) { time in
        _ = unsafe clock_gettime(isPrecise ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE, time)
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
