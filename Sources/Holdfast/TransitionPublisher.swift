import Synchronization

/// Hands the transitions of one breaker to those who listen: in order, each once, with no lock held
/// while they listen.
///
/// The core tells of a transition whoever made it, so two tasks may come here the wrong way round.
/// Generations follow one another without gaps, so a transition waits here until the one before it
/// has come. Whoever finds nobody delivering delivers, all that has come in the meantime too; so a
/// listener may itself make a transition.
final class TransitionPublisher: Sendable {
  typealias Transition = CircuitBreaker.Transition

  private struct State {
    var next = 1
    var waiting: [Int: Transition] = [:]
    var delivering = false
    var streams: [Int: CircuitBreaker.Events.Feed] = [:]
    var nextStream = 0
  }

  private let state = Mutex(State())
  private let log: CircuitBreaker.Log?
  private let onTransition: (@Sendable (Transition) -> Void)?

  init(log: CircuitBreaker.Log?, onTransition: (@Sendable (Transition) -> Void)?) {
    self.log = log
    self.onTransition = onTransition
  }

  func publish(_ transition: Transition) {
    let isFirst = state.withLock { state in
      state.waiting[transition.generation] = transition
      defer { state.delivering = true }
      return !state.delivering
    }
    guard isFirst else { return }
    while let (transition, streams) = takeNext() {
      log?(transition.description, transition)
      onTransition?(transition)
      for stream in streams { stream.yield(transition) }
    }
  }

  private func takeNext() -> (Transition, [CircuitBreaker.Events.Feed])? {
    state.withLock { state in
      guard let transition = state.waiting.removeValue(forKey: state.next) else {
        state.delivering = false
        return nil
      }
      state.next = (state.next + 1) % CircuitBreaker.generations
      return (transition, Array(state.streams.values))
    }
  }

  func add(_ stream: CircuitBreaker.Events.Feed) {
    let key = state.withLock { state in
      defer { state.nextStream += 1 }
      state.streams[state.nextStream] = stream
      return state.nextStream
    }
    stream.onEnd { [weak self] in
      self?.state.withLock { state in _ = state.streams.removeValue(forKey: key) }
    }
  }

  /// Ends the streams.
  func finish() {
    let streams = state.withLock { state in
      defer { state.streams = [:] }
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }
}

extension CircuitBreaker {
  /// How many there are before they begin again.
  static let generations = 1 << 20
}
