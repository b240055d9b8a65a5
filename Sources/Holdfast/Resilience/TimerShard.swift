import CHoldfast

/// One wheel of ``Timers``, behind a lock.
final class TimerShard: Sendable {
  enum Arming {
    case armed(UInt64)
    /// Before the instant by which the wheel is looked at: that must be reported.
    case armedEarliest(UInt64)
    case outOfMemory
  }

  @safe private struct Wheel: ~Copyable {
    /// `nil`: there was no memory for it.
    let pointer: OpaquePointer?
    /// When it is looked at next, or earlier.
    var looksBy = UInt64.max

    init(now: UInt64) {
      var pointer: OpaquePointer?
      _ = unsafe hf_timer_wheel_create(now, nil, &pointer)
      unsafe self.pointer = pointer
    }

    deinit {
      while let target = takeDue(.max) { _ = target }
      unsafe hf_timer_wheel_destroy(pointer)
    }

    /// One whose time has come; it is not retained by the wheel any more.
    func takeDue(_ now: UInt64) -> TimerTarget? {
      var data: UnsafeMutableRawPointer?
      guard let pointer = unsafe pointer, unsafe hf_timer_wheel_expire(pointer, now, &data),
        let data = unsafe data
      else { return nil }
      return unsafe Unmanaged<TimerTarget>.fromOpaque(data).takeRetainedValue()
    }
  }

  private let wheel: Guarded<Wheel>

  init(now: UInt64) {
    wheel = Guarded(Wheel(now: now))
  }

  func arm(_ target: TimerTarget, at deadline: UInt64) -> Arming {
    wheel.withLock { wheel in
      guard let pointer = unsafe wheel.pointer else { return .outOfMemory }
      let retained = unsafe Unmanaged.passRetained(target)
      var timer = hf_timer()
      let status = unsafe hf_timer_wheel_arm(pointer, deadline, retained.toOpaque(), &timer)
      guard status == HF_OK else {
        unsafe retained.release()
        return .outOfMemory
      }
      guard deadline < wheel.looksBy else { return .armed(timer.id) }
      wheel.looksBy = deadline
      return .armedEarliest(timer.id)
    }
  }

  /// Whether it was armed. Its target is let go with no lock held.
  func disarm(_ timer: UInt64) -> Bool {
    let target = wheel.withLock { wheel -> TimerTarget? in
      var data: UnsafeMutableRawPointer?
      guard let pointer = unsafe wheel.pointer,
        unsafe hf_timer_wheel_disarm(pointer, hf_timer(id: timer), &data), let data = unsafe data
      else { return nil }
      return unsafe Unmanaged<TimerTarget>.fromOpaque(data).takeRetainedValue()
    }
    return target != nil
  }

  /// Tells all whose time has come, with no lock held.
  ///
  /// - Returns: by when to look again.
  func tellDue(_ time: TimeSource) -> UInt64 {
    var due: [TimerTarget] = []
    while true {
      let now = time.now
      // In parts, so that nobody waits long for the lock.
      let next = wheel.withLock { wheel -> UInt64? in
        while due.count < 64 {
          guard let target = wheel.takeDue(now) else {
            wheel.looksBy = unsafe wheel.pointer.map { unsafe hf_timer_wheel_next_ns($0) } ?? .max
            return wheel.looksBy
          }
          due.append(target)
        }
        return nil
      }
      for target in due { target.timeIsUp() }
      if let next { return next }
      due.removeAll(keepingCapacity: true)
    }
  }

  var armed: Int {
    wheel.withLock { wheel in
      unsafe wheel.pointer.map { unsafe hf_timer_wheel_count($0) } ?? 0
    }
  }
}
