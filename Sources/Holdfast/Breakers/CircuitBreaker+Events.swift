import Synchronization

extension CircuitBreaker {
  /// The transitions from now on, for one reader.
  ///
  /// ```swift
  /// for await transition in breaker.events() {
  ///   metrics.record(transition)
  /// }
  /// ```
  ///
  /// They come in order, each once. A reader that is too slow loses the oldest; ``Events/dropped``
  /// says how many. The sequence ends with the breaker.
  ///
  /// - Parameter newest: how many wait for the reader, at least 1.
  /// - Complexity: O(1).
  public func events(keepingNewest newest: Int = 64) -> Events {
    publisher.streams.open(keepingNewest: newest)
  }

  /// The transitions of one breaker; see ``CircuitBreaker/events(keepingNewest:)``.
  public struct Events: AsyncSequence, Sendable {
    /// A change of state.
    public typealias Element = Transition
    /// It does not throw.
    public typealias Failure = Never

    private let stream: AsyncStream<Transition>
    let feed: Feed

    init(newest: Int) {
      let (stream, continuation) = AsyncStream.makeStream(
        of: Transition.self, bufferingPolicy: .bufferingNewest(newest))
      self.stream = stream
      feed = Feed(continuation)
    }

    /// How many transitions were dropped because nobody read them in time.
    ///
    /// - Complexity: O(1).
    public var dropped: Int { feed.dropped.load(ordering: .relaxed) }

    /// The one iterator: what it has read, no other one reads.
    public func makeAsyncIterator() -> AsyncStream<Transition>.Iterator {
      stream.makeAsyncIterator()
    }

    /// The end of a stream that the publisher writes to.
    final class Feed: Sendable {
      private let continuation: AsyncStream<Transition>.Continuation
      /// Relaxed: a count, which orders nothing.
      let dropped = Atomic(0)

      init(_ continuation: AsyncStream<Transition>.Continuation) {
        self.continuation = continuation
      }

      func yield(_ transition: Transition) {
        if case .dropped = continuation.yield(transition) {
          dropped.add(1, ordering: .relaxed)
        }
      }

      func onEnd(_ action: @escaping @Sendable () -> Void) {
        continuation.onTermination = { _ in action() }
      }

      func finish() { continuation.finish() }
    }
  }
}
