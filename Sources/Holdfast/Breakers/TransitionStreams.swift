/// The streams that are told the transitions of one breaker, or of the breakers of a registry.
final class TransitionStreams: Sendable {
  private struct State {
    var feeds: [Int: CircuitBreaker.Events.Feed] = [:]
    var next = 0
  }

  private let state = Guarded(State())

  func open(keepingNewest newest: Int) -> CircuitBreaker.Events {
    let events = CircuitBreaker.Events(newest: max(1, newest))
    let key = state.withLock { state in
      defer { state.next += 1 }
      state.feeds[state.next] = events.feed
      return state.next
    }
    events.feed.onEnd { [weak self] in
      self?.state.withLock { state in _ = state.feeds.removeValue(forKey: key) }
    }
    return events
  }

  func yield(_ transition: CircuitBreaker.Transition) {
    for feed in feeds { feed.yield(transition) }
  }

  /// Ends them.
  func finish() {
    for feed in feeds { feed.finish() }
  }

  /// With no lock held while they are told: the end of one comes back here.
  private var feeds: [CircuitBreaker.Events.Feed] {
    state.withLock { Array($0.feeds.values) }
  }
}
