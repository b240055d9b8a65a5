import CHoldfast
import Testing

@testable import Holdfast

/// What no public door makes happen at will: transitions that come the wrong way round.
@Suite struct TransitionPublisherTests {
  private func transition(_ generation: UInt32) -> CircuitBreaker.Transition {
    var raw = hf_transition()
    raw.cause = HF_BREAKER_BY_HAND
    raw.generation = generation
    return CircuitBreaker.Transition(raw, of: "storage")
  }

  private func told(after generation: Int, _ order: [UInt32]) -> [Int] {
    let told = Guarded<[Int]>([])
    let publisher = TransitionPublisher(
      to: .init(
        log: nil, onTransition: { transition in told.withLock { $0.append(transition.generation) } }
      ),
      after: generation)
    for generation in order { publisher.publish(transition(generation)) }
    return told.withLock { $0 }
  }

  @Test func `a transition waits for the one before it`() {
    #expect(told(after: 0, [2]) == [])
    #expect(told(after: 0, [2, 1]) == [1, 2])
    #expect(told(after: 0, [3, 1, 5, 2, 4]) == [1, 2, 3, 4, 5])
    #expect(told(after: 0, Array((1...100).reversed())) == Array(1...100))
  }

  @Test func `what comes while a listener is busy waits, and is told after it`() {
    let told = Guarded<[Int]>([])
    let publisher = Guarded<TransitionPublisher?>(nil)
    let made = TransitionPublisher(
      to: .init(
        log: nil,
        onTransition: { transition in
          if transition.generation == 1, let publisher = publisher.withLock({ $0 }) {
            for generation: UInt32 in 2...10_000 { publisher.publish(self.transition(generation)) }
          }
          told.withLock { $0.append(transition.generation) }
        }))
    publisher.withLock { $0 = made }
    made.publish(transition(1))
    publisher.withLock { $0 = nil }
    let isWhole = told.withLock { $0.elementsEqual(1...10_000) }
    #expect(isWhole)
  }

  @Test func `it goes on where the breaker is, also over the end of the numbers`() {
    #expect(told(after: 7, [9, 8]) == [8, 9])
    let last: UInt32 = (1 << 20) - 1
    #expect(told(after: Int(last) - 1, [0, last, 1]) == [Int(last), 0, 1])
    #expect(told(after: Int(last), [1, 0]) == [0, 1])
  }
}
