import Synchronization

extension Cache {
  /// An entry that left.
  public struct Removal: Sendable {
    /// The bytes of its key.
    public let keyBytes: [UInt8]
    /// Its value; `nil` for an entry that said that there is none.
    public let value: Value?
    /// Why it left.
    public let cause: CacheRemovalCause
  }

  /// The entries that leave from now on, for one reader.
  ///
  /// ```swift
  /// for await removal in cache.events() where removal.cause == .evictedByBytes {
  ///   metrics.increment("evicted")
  /// }
  /// ```
  ///
  /// Each comes once. A reader that is too slow loses the oldest; ``Events/dropped`` says how many. The
  /// sequence ends with the cache. Values that wait here live on.
  ///
  /// - Parameter newest: how many wait for the reader, at least 1.
  /// - Complexity: O(1).
  public func events(keepingNewest newest: Int = 64) -> Events {
    listeners.open(keepingNewest: newest)
  }

  /// The entries that leave a cache; see ``Cache/events(keepingNewest:)``.
  public struct Events: AsyncSequence, Sendable {
    /// An entry that left.
    public typealias Element = Removal
    /// It does not throw.
    public typealias Failure = Never

    private let stream: AsyncStream<Removal>
    let feed: Feed

    init(newest: Int) {
      let (stream, continuation) = AsyncStream.makeStream(
        of: Removal.self, bufferingPolicy: .bufferingNewest(newest))
      self.stream = stream
      feed = Feed(continuation)
    }

    /// How many were dropped because nobody read them in time.
    ///
    /// - Complexity: O(1).
    public var dropped: Int { feed.dropped.load(ordering: .relaxed) }

    /// The one iterator: what it has read, no other one reads.
    public func makeAsyncIterator() -> AsyncStream<Removal>.Iterator { stream.makeAsyncIterator() }

    /// The end of a stream that is written to.
    final class Feed: Sendable {
      private let continuation: AsyncStream<Removal>.Continuation
      /// Relaxed: a count, which orders nothing.
      let dropped = Atomic(0)

      init(_ continuation: AsyncStream<Removal>.Continuation) { self.continuation = continuation }

      func yield(_ removal: Removal) {
        if case .dropped = continuation.yield(removal) { dropped.add(1, ordering: .relaxed) }
      }

      func onEnd(_ action: @escaping @Sendable () -> Void) {
        continuation.onTermination = { _ in action() }
      }

      func finish() { continuation.finish() }
    }
  }

  /// Those who are told what leaves.
  final class Listeners: Sendable {
    private struct State {
      var feeds: [Int: Events.Feed] = [:]
      var next = 0
    }

    private let onRemoval: (@Sendable (Removal) -> Void)?
    private let state = Guarded(State())
    /// Relaxed: whoever begins to listen hears of what leaves soon after, not of this very moment.
    private let feedCount = Atomic(0)

    init(_ onRemoval: (@Sendable (Removal) -> Void)?) { self.onRemoval = onRemoval }

    /// Whether anybody would hear.
    var areThere: Bool { onRemoval != nil || feedCount.load(ordering: .relaxed) > 0 }

    func open(keepingNewest newest: Int) -> Events {
      let events = Events(newest: Swift.max(1, newest))
      let key = state.withLock { state in
        defer { state.next += 1 }
        state.feeds[state.next] = events.feed
        return state.next
      }
      feedCount.add(1, ordering: .relaxed)
      events.feed.onEnd { [weak self] in
        guard let self else { return }
        state.withLock { state in _ = state.feeds.removeValue(forKey: key) }
        feedCount.subtract(1, ordering: .relaxed)
      }
      return events
    }

    func tell(_ removal: Removal) {
      onRemoval?(removal)
      for feed in feeds { feed.yield(removal) }
    }

    func finish() {
      for feed in feeds { feed.finish() }
    }

    /// With no lock held while they are told: the end of one comes back here.
    private var feeds: [Events.Feed] { state.withLock { Array($0.feeds.values) } }
  }
}

extension Cache.Removal where Key: ReadableCacheKey {
  /// Its key.
  public var key: Key? {
    // Safe: bytes are initialized and have no other meaning.
    unsafe Key(keyBytes: keyBytes.span.bytes)
  }
}
