/// Hands the transitions of one breaker to those who listen: in order, each once, with no lock held
/// while they listen.
///
/// The core tells of a transition whoever made it, so two tasks may come here the wrong way round.
/// Generations follow one another without gaps, so a transition waits here until the one before it
/// has come. Whoever finds nobody delivering delivers, all that has come in the meantime too; so a
/// listener may itself make a transition.
///
/// While a listener takes long, what comes waits here, each once: dropping some would break the order
/// for all who listen, and waiting for it would hold up calls. There is an end to that: of two that are
/// 2^20 generations apart the later takes the place of the earlier.
final class TransitionPublisher: Sendable {
  typealias Transition = CircuitBreaker.Transition

  private struct State {
    var next: Int
    var waiting: [Int: Transition] = [:]
    var delivering = false
  }

  /// Those who listen to one breaker, or to all of a registry.
  struct Listeners: Sendable {
    var log: CircuitBreaker.Log?
    var onTransition: (@Sendable (Transition) -> Void)?
    let streams = TransitionStreams()
  }

  private let state: Guarded<State>
  private let listeners: Listeners
  /// Those of this breaker alone, where the listeners are a registry's.
  let streams: TransitionStreams

  /// - Parameter generation: that of the breaker now.
  init(
    to listeners: Listeners, after generation: Int = 0, streams: TransitionStreams? = nil
  ) {
    self.listeners = listeners
    self.streams = streams ?? listeners.streams
    state = Guarded(State(next: (generation + 1) % TransitionPublisher.generations))
  }

  func publish(_ transition: Transition) {
    let isFirst = state.withLock { state in
      state.waiting[transition.generation] = transition
      defer { state.delivering = true }
      return !state.delivering
    }
    guard isFirst else { return }
    while let transition = takeNext() {
      listeners.log?(transition.description, transition)
      listeners.onTransition?(transition)
      listeners.streams.yield(transition)
      if streams !== listeners.streams { streams.yield(transition) }
    }
  }

  private func takeNext() -> Transition? {
    state.withLock { state in
      guard let transition = state.waiting.removeValue(forKey: state.next) else {
        state.delivering = false
        return nil
      }
      state.next = (state.next + 1) % TransitionPublisher.generations
      return transition
    }
  }

  /// How many generations there are before they begin again.
  private static let generations = 1 << 20
}
