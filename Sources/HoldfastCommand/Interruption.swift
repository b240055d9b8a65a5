import Glibc
import Synchronization

/// Ctrl-C and SIGTERM, noticed at the next safe place. A second one ends the process at once.
enum Interruption {
  private static let caught = Atomic<Int32>(0)

  /// A pipe that the handler writes to, so that a wait ends however the signal and the beginning of
  /// the wait fall together. -1 before ``listen()``.
  private static let wakeReader = Atomic<Int32>(-1)
  private static let wakeWriter = Atomic<Int32>(-1)

  /// The signal that came, if one did.
  static var signal: Int32? {
    let number = caught.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// From now on the two signals are only noted.
  static func listen() throws(CommandFailure) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else {
      throw CommandFailure("cannot make a pipe: \(systemMessage(errno))")
    }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    wakeReader.store(ends[0], ordering: .relaxed)
    wakeWriter.store(ends[1], ordering: .relaxed)
    _ = signal  // made before a handler can need it
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        let before = errno
        Interruption.caught.store(number, ordering: .relaxed)
        var byte: UInt8 = 0
        _ = unsafe write(Interruption.wakeWriter.load(ordering: .relaxed), &byte, 1)
        errno = before
      }
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
      unsafe sigaction(number, &action, nil)
    }
    // Who starts a process from a thread of a pool may have handed down a mask that blocks them.
    var both = sigset_t()
    unsafe sigemptyset(&both)
    unsafe sigaddset(&both, SIGINT)
    unsafe sigaddset(&both, SIGTERM)
    unsafe pthread_sigmask(SIG_UNBLOCK, &both, nil)
  }

  /// What ended a wait.
  enum Wake {
    case ready
    case timedOut
    case interrupted
  }

  /// Waits until `descriptor` is ready for `events`, the deadline has come, or a signal.
  ///
  /// - Parameter heedingSignals: false waits on, for what must be done after the first signal.
  static func wait(
    for descriptor: Int32? = nil, events: Int32 = 0, until deadline: Nanoseconds? = nil,
    heedingSignals: Bool = true
  ) -> Wake {
    while true {
      if heedingSignals, signal != nil { return .interrupted }
      var requests = [
        pollfd(fd: descriptor ?? -1, events: Int16(truncatingIfNeeded: events), revents: 0),
        pollfd(
          fd: heedingSignals ? wakeReader.load(ordering: .relaxed) : -1, events: Int16(POLLIN),
          revents: 0),
      ]
      let count = unsafe poll(&requests, 2, milliseconds(until: deadline))
      if count > 0, requests[0].revents != 0 { return .ready }
      if count == 0, let deadline, Clock.monotonic() >= deadline { return .timedOut }
      // Poll fails for no lasting reason but a lack of memory: then the read or write will tell.
      if count < 0, errno != EINTR { return .ready }
    }
  }

  /// For poll: rounded up, so that nothing happens before its time; -1 for ever.
  private static func milliseconds(until deadline: Nanoseconds?) -> Int32 {
    guard let deadline else { return -1 }
    let left = max(0, deadline - Clock.monotonic())
    return Int32(clamping: (left + 999_999) / 1_000_000)
  }
}
