internal import CHoldfastRedis
internal import Holdfast

/// What a link tells, and how it is. The C part holds a reference until the link has ended.
final class RedisLinkEvents: Sendable {
  /// How a link is.
  struct Status: Sendable {
    var state = State.connecting
    /// Since when it is up, or not.
    var since = ContinuousClock.now
    /// Why it is not up.
    var reason = "not connected yet"
    /// The number of the connection that is up, or was.
    var connection: UInt64 = 0
  }

  enum State: Sendable {
    case down, connecting, up, ended
  }

  private struct Ends {
    var hasEnded = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let loop: RedisLoop
  private let held = Guarded(Status())
  private let ends = Guarded(Ends())
  /// On the loop's thread.
  let changed: @Sendable (Status) -> Void
  /// On the loop's thread, of a link with pushes.
  let pushed: @Sendable (RedisReply) -> Void

  init(
    _ loop: RedisLoop, changed: @escaping @Sendable (Status) -> Void,
    pushed: @escaping @Sendable (RedisReply) -> Void
  ) {
    self.loop = loop
    self.changed = changed
    self.pushed = pushed
  }

  var status: Status { held.withLock { $0 } }

  /// Returns when the link has ended.
  func end() async {
    await withCheckedContinuation { continuation in
      let hasEnded = ends.withLock { ends in
        if !ends.hasEnded { ends.waiters.append(continuation) }
        return ends.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  private func change(_ state: State, _ connection: UInt64, _ reason: String) {
    let status = held.withLock { status in
      // Down and connecting are one time to those who want to know since when there is no
      // connection.
      if (status.state == .up) != (state == .up) { status.since = .now }
      if state != .up, !reason.isEmpty { status.reason = reason }
      status.state = state
      status.connection = connection
      return status
    }
    changed(status)
    guard state == .ended else { return }
    let waiters = ends.withLock { ends in
      ends.hasEnded = true
      defer { ends.waiters = [] }
      return ends.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// For the C part: what it calls, and a reference that is given back when it says that the link
  /// ended.
  func callbacks() -> hf_redis_callbacks {
    unsafe hf_redis_callbacks(
      context: Unmanaged.passRetained(self).toOpaque(),
      done: { _, owner, result in
        guard let owner = unsafe owner else { return }
        unsafe Unmanaged<RedisWaiter>.fromOpaque(owner).takeRetainedValue().finish(result)
      },
      wanted: { _, owner in
        guard let owner = unsafe owner else { return false }
        return unsafe Unmanaged<RedisWaiter>.fromOpaque(owner)._withUnsafeGuaranteedRef {
          $0.isWanted()
        }
      },
      changed: { context, state, connection, reason in
        guard let context = unsafe context else { return }
        let events = unsafe Unmanaged<RedisLinkEvents>.fromOpaque(context)
        let text = unsafe String(cString: reason)
        switch state {
        case HF_REDIS_UP: unsafe events.takeUnretainedValue().change(.up, connection, text)
        case HF_REDIS_CONNECTING:
          unsafe events.takeUnretainedValue().change(.connecting, connection, text)
        case HF_REDIS_ENDED_FOR_GOOD:
          unsafe events.takeRetainedValue().change(.ended, connection, text)
        default: unsafe events.takeUnretainedValue().change(.down, connection, text)
        }
      },
      pushed: { context, reply in
        guard let context = unsafe context else { return }
        let events = unsafe Unmanaged<RedisLinkEvents>.fromOpaque(context).takeUnretainedValue()
        events.pushed(unsafe RedisReply(reply))
      })
  }

  /// Where there is no link after all: gives the reference back.
  func withoutLink() { unsafe Unmanaged.passUnretained(self).release() }
}
