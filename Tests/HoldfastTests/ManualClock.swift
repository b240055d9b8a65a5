import Synchronization

@testable import Holdfast

/// A clock that stands still until a test moves it.
final class ManualClock: Clock {
  struct Instant: InstantProtocol {
    var sinceStart: Duration

    func advanced(by duration: Duration) -> Instant { Instant(sinceStart: sinceStart + duration) }
    func duration(to other: Instant) -> Duration { other.sinceStart - sinceStart }
    static func < (left: Instant, right: Instant) -> Bool { left.sinceStart < right.sinceStart }
  }

  private let time: Guarded<Duration>
  private let reads = Atomic(0)
  private let interlude = Guarded<(@Sendable () -> Void)?>(nil)

  init(at start: Duration = .zero) {
    time = Guarded(start)
  }

  var now: Instant {
    reads.add(1, ordering: .relaxed)
    let action = interlude.withLock { interlude in
      defer { interlude = nil }
      return interlude
    }
    action?()
    return Instant(sinceStart: time.withLock { $0 })
  }

  var minimumResolution: Duration { .nanoseconds(1) }

  /// How often it was read.
  var readCount: Int { reads.load(ordering: .relaxed) }

  /// Something to happen while it is read next: in the middle of what is under test.
  func atNextRead(_ action: @escaping @Sendable () -> Void) {
    interlude.withLock { $0 = action }
  }

  /// Moves it on, or back.
  func advance(by duration: Duration) { time.withLock { $0 += duration } }

  /// Nothing under test sleeps.
  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    throw CancellationError()
  }
}
