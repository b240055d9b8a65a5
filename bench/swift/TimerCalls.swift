import BenchHarness
import CHoldfast
import Foundation
import Holdfast

/// A time-out that is armed for a call and disarmed at its end, while 10,000 others are armed: through
/// the binding, with its locks, and as a Swift program would write it in C for one thread, with the
/// same clock.
@safe final class TimerCalls {
  private let timers = Timers.standard
  private let target = TimerSleeper()
  private var others: [TimerID]
  private let wheel: OpaquePointer
  static let operations = 1 << 18
  private static let timeout: UInt64 = 5_000_000_000

  init() throws {
    var created: OpaquePointer?
    try check(unsafe hf_timer_wheel_create(Timers.standard.now, nil, &created))
    unsafe wheel = try unwrap(created)
    // Each its own target, as calls have: so they are in all of the wheels.
    others = []
    for number in 0..<10_000 as Range<UInt64> {
      let deadline = timers.now + 3_600_000_000_000 + number * 1_000_000
      others.append(timers.arm(TimerSleeper(), at: deadline))
      var timer = hf_timer()
      try check(unsafe hf_timer_wheel_arm(wheel, deadline, nil, &timer))
    }
  }

  deinit {
    for timer in others { timers.disarm(timer) }
    unsafe hf_timer_wheel_destroy(wheel)
  }

  func throughSwift() -> UInt64 {
    var sum: UInt64 = 0
    for operation in 0..<TimerCalls.operations {
      let timer = timers.arm(target, at: timers.now + TimerCalls.timeout)
      if timers.disarm(timer) { sum &+= UInt64(operation) }
    }
    return sum
  }

  func throughC() throws -> UInt64 {
    var sum: UInt64 = 0
    for operation in 0..<TimerCalls.operations {
      var timer = hf_timer()
      try check(unsafe hf_timer_wheel_arm(wheel, preciseNow() + TimerCalls.timeout, nil, &timer))
      if unsafe hf_timer_wheel_disarm(wheel, timer, nil) { sum &+= UInt64(operation) }
    }
    return sum
  }
}

private func preciseNow() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
    &+ UInt64(truncatingIfNeeded: time.tv_nsec)
}
