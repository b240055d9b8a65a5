import Glibc
import Synchronization

/// Ctrl-C, SIGTERM and the end of the time that a run has, noticed at the next safe place. A second
/// signal ends the process at once.
enum Interruption {
  private static let caught = Atomic<Int32>(0)

  /// A pipe that the handler writes to, so that a wait ends however the signal and the beginning of
  /// the wait fall together. -1 before ``listen()``.
  private static let wakeReader = Atomic<Int32>(-1)
  private static let wakeWriter = Atomic<Int32>(-1)

  /// When the run is to be over; the largest value for never.
  private static let runDeadline = Atomic<Nanoseconds>(.max)

  /// How long the other side has, at the end, for taking what is left.
  private static let lastMoments: Nanoseconds = 1_000_000_000

  /// From when on nothing waits for long any more.
  static var deadline: Nanoseconds? {
    get {
      let moment = runDeadline.load(ordering: .relaxed)
      return moment == .max ? nil : moment
    }
    set { runDeadline.store(newValue ?? .max, ordering: .relaxed) }
  }

  /// The signal that came, if one did.
  static var signal: Int32? {
    let number = caught.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// From now on the two signals are only noted; one that was ignored from the start stays so.
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
    for number in [SIGINT, SIGTERM] where !isIgnored(number) {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        let before = errno
        let (isFirst, _) = Interruption.caught.compareExchange(
          expected: 0, desired: number, ordering: .relaxed)
        // SA_RESETHAND has put back what the system does with it.
        if !isFirst { raise(number) }
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

  /// As under `nohup`, or `trap '' INT` in a shell.
  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard unsafe sigaction(number, nil, &action) == 0 else { return false }
    let handler = unsafe action.__sigaction_handler.sa_handler
    return unsafe unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
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

  /// Waits until `descriptor` takes more. When a signal has come, or the run's time is over, what
  /// is left has a last moment.
  ///
  /// - Parameter end: when that moment is over; set when it begins.
  /// - Returns: false when it has passed.
  static func waitToWrite(_ descriptor: Int32, end: inout Nanoseconds?) -> Bool {
    if wait(for: descriptor, events: POLLOUT, until: deadline) == .ready { return true }
    let lastEnd = end ?? Clock.monotonic() + lastMoments
    end = lastEnd
    return wait(for: descriptor, events: POLLOUT, until: lastEnd, heedingSignals: false) == .ready
  }

  /// For poll: rounded up, so that nothing happens before its time; -1 for ever.
  private static func milliseconds(until deadline: Nanoseconds?) -> Int32 {
    guard let deadline else { return -1 }
    let left = max(0, deadline - Clock.monotonic())
    return Int32(clamping: (left + 999_999) / 1_000_000)
  }
}
