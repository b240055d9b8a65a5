/// A message that came on a channel.
public struct StorageMessage: Sendable, Hashable {
  /// Where it was published.
  public let channel: String
  /// Its bytes.
  public let payload: [UInt8]

  /// A message, as an implementation makes it.
  public init(channel: String, payload: [UInt8]) {
    self.channel = channel
    self.payload = payload
  }
}

/// The messages of a subscription: `for try await message in subscription`.
///
/// It ends when it is cancelled, when its last reference goes, or with the storage. It survives a lost
/// connection: it is subscribed again by itself; what was published meanwhile is lost, and `losses` says
/// that there was such a gap. Keep the storage as long as you listen.
///
/// Messages wait for whoever takes them, 1,024 unless the storage says otherwise; of more the oldest
/// are dropped, and counted in `losses` too. Each message is taken once: of two that read at the same
/// time, each gets some.
///
/// A storage of your own makes one with a ``Source``:
///
/// ```swift
/// let source = StorageSubscription.Source { [weak self] in self?.unsubscribe(number) }
/// defer { source.yield(StorageMessage(channel: "news", payload: bytes)) }
/// return source.subscription()
/// ```
public final class StorageSubscription: AsyncSequence, Sendable {
  /// A message.
  public typealias Element = StorageMessage
  /// Why there will be no more.
  public typealias Failure = StorageError

  /// What did not come.
  public struct Losses: Sendable, Hashable {
    /// How often the connection was lost: messages of such times never came.
    public var gaps = 0
    /// Messages that came, and were dropped, the oldest first, because they were not taken in time.
    public var dropped = 0

    /// None.
    public init() {}
  }

  private let queue: StorageMessageQueue
  /// Whose messages these are, if another's; this then ends with that one.
  private let base: StorageSubscription?
  /// So many bytes are taken off the beginning of each channel.
  private let hiddenBytes: Int

  fileprivate init(_ queue: StorageMessageQueue) {
    self.queue = queue
    base = nil
    hiddenBytes = 0
  }

  /// The messages of another one, without the first bytes of their channels.
  init(_ base: StorageSubscription, hidingBytes: Int) {
    queue = base.queue
    self.base = base
    hiddenBytes = base.hiddenBytes + hidingBytes
  }

  deinit {
    if base == nil { queue.end(.cancelled) }
  }

  /// What did not come until now.
  ///
  /// - Complexity: O(1).
  public var losses: Losses { queue.losses }

  /// Ends it: what waits is dropped, and nothing more comes. Once more does no harm.
  public func cancel() { queue.end(.cancelled) }

  /// Reads on where others stopped.
  public func makeAsyncIterator() -> Iterator { Iterator(subscription: self) }

  /// Takes messages, one by one.
  public struct Iterator: AsyncIteratorProtocol {
    let subscription: StorageSubscription

    /// The next message, as soon as there is one; `nil` at the end.
    ///
    /// It is `nil` too when the task is cancelled. The subscription stays then: its messages wait for
    /// the next who reads.
    ///
    /// - Throws: why the subscription failed for good, after the last message that came before.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(StorageError)
      -> StorageMessage?
    {
      guard let message = try await subscription.queue.next(isolation: actor) else { return nil }
      return subscription.hiddenBytes == 0
        ? message
        : StorageMessage(
          channel: message.channel.dropping(bytes: subscription.hiddenBytes),
          payload: message.payload)
    }

    /// The next message, as soon as there is one; `nil` at the end.
    public mutating func next() async throws(StorageError) -> StorageMessage? {
      try await next(isolation: nil)
    }
  }

  /// The end of a subscription that a storage writes to.
  ///
  /// It does not keep the subscription, so that this can end with its last reference. Any task and any
  /// thread may use it.
  public final class Source: Sendable {
    private let queue: StorageMessageQueue

    /// A source whose subscription is yet to be made.
    ///
    /// - Parameters:
    ///   - newest: how many messages wait for the reader, at least 1.
    ///   - onEnd: called once, when the subscription has ended for whatever reason, with no lock held.
    ///     What it holds is let go then.
    public init(keepingNewest newest: Int = 1024, onEnd: @escaping @Sendable () -> Void = {}) {
      queue = StorageMessageQueue(newest: Swift.max(1, newest), onEnd: onEnd)
    }

    /// The subscription: to be asked for once, as its end is that of all.
    public func subscription() -> StorageSubscription { StorageSubscription(queue) }

    /// Whether anybody will read what is written.
    public var isOpen: Bool { queue.isOpen }

    /// A message came. It waits for the reader.
    ///
    /// - Returns: whether somebody will read it: not when the subscription has ended.
    @discardableResult
    public func yield(_ message: StorageMessage) -> Bool {
      let offer = queue.offer(message)
      offer.wake?()
      return offer.isTaken
    }

    /// The connection was lost: messages may be missing.
    public func noteGap() { queue.noteGap() }

    /// No more messages come: who reads gets those that wait, and then `nil`.
    public func finish() { queue.end(.finished) }

    /// No more messages come: who reads gets those that wait, and then this error.
    public func fail(_ error: StorageError) { queue.end(.failed(error)) }

    /// As `yield`, for who holds a lock: whoever waits is not told before `wake` is called.
    func offer(_ message: StorageMessage) -> StorageMessageQueue.Offer { queue.offer(message) }
  }
}

/// The messages between a source and who reads its subscription.
final class StorageMessageQueue: Sendable {
  enum End: Sendable {
    case finished, cancelled
    case failed(StorageError)
  }

  typealias Answer = Result<StorageMessage?, StorageError>

  /// What became of a message.
  struct Offer {
    let isTaken: Bool
    /// Tells who waited for it.
    let wake: (@Sendable () -> Void)?
  }

  private struct State {
    var messages = MessageRing()
    /// In the order of their coming. Nobody waits while there are messages.
    var waiting: [(number: Int, continuation: CheckedContinuation<Answer, Never>)] = []
    /// Those that were cancelled before they waited.
    var cancelled: Set<Int> = []
    var nextNumber = 0
    var losses = StorageSubscription.Losses()
    var end: End?
    var onEnd: (@Sendable () -> Void)?

    /// What can be answered at once.
    mutating func answer() -> Answer? {
      if let message = messages.popFirst() { return .success(message) }
      switch end {
      case nil: return nil
      case .failed(let error): return .failure(error)
      case .finished, .cancelled: return .success(nil)
      }
    }
  }

  private let newest: Int
  private let state: Guarded<State>

  init(newest: Int, onEnd: @escaping @Sendable () -> Void) {
    self.newest = newest
    state = Guarded(State(onEnd: onEnd))
  }

  var losses: StorageSubscription.Losses { state.withLock { $0.losses } }

  var isOpen: Bool { state.withLock { $0.end == nil } }

  func noteGap() { state.withLock { $0.losses.gaps += 1 } }

  func offer(_ message: StorageMessage) -> Offer {
    state.withLock { state -> Offer in
      guard state.end == nil else { return Offer(isTaken: false, wake: nil) }
      if !state.waiting.isEmpty {
        let continuation = state.waiting.removeFirst().continuation
        return Offer(isTaken: true) { continuation.resume(returning: .success(message)) }
      }
      if state.messages.count == newest {
        _ = state.messages.popFirst()
        state.losses.dropped += 1
      }
      state.messages.append(message)
      return Offer(isTaken: true, wake: nil)
    }
  }

  /// The first end counts, but that cancelling drops what still waits.
  func end(_ end: End) {
    let (onEnd, waiting, answer) = state.withLock { state in
      if case .cancelled = end { state.messages = MessageRing() }
      if state.end == nil { state.end = end }
      defer {
        state.onEnd = nil
        state.waiting = []
      }
      // Who waits has no messages before them.
      let continuations = state.waiting.map(\.continuation)
      return (state.onEnd, continuations, continuations.isEmpty ? nil : state.answer())
    }
    for continuation in waiting { continuation.resume(returning: answer ?? .success(nil)) }
    onEnd?()
  }

  func next(isolation actor: isolated (any Actor)?) async throws(StorageError) -> StorageMessage? {
    if Task.isCancelled { return nil }
    let (number, ready) = state.withLock { state -> (Int, Answer?) in
      defer { state.nextNumber += 1 }
      return (state.nextNumber, state.answer())
    }
    if let ready { return try ready.get() }
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in wait(number, continuation) }
    } onCancel: {
      stopWaiting(number)
    }
    // It may have been cancelled just after it was answered.
    state.withLock { state in _ = state.cancelled.remove(number) }
    return try answer.get()
  }

  private func wait(_ number: Int, _ continuation: CheckedContinuation<Answer, Never>) {
    let answer = state.withLock { state -> Answer? in
      if state.cancelled.contains(number) { return .success(nil) }
      if let answer = state.answer() { return answer }
      state.waiting.append((number, continuation))
      return nil
    }
    if let answer { continuation.resume(returning: answer) }
  }

  private func stopWaiting(_ number: Int) {
    let continuation = state.withLock { state -> CheckedContinuation<Answer, Never>? in
      guard let index = state.waiting.firstIndex(where: { $0.number == number }) else {
        state.cancelled.insert(number)
        return nil
      }
      return state.waiting.remove(at: index).continuation
    }
    continuation?.resume(returning: .success(nil))
  }
}

/// Messages in the order of their coming, in a ring that grows.
private struct MessageRing {
  private var slots: [StorageMessage?] = []
  private var first = 0
  private(set) var count = 0

  mutating func append(_ message: StorageMessage) {
    if count == slots.count { grow() }
    slots[(first + count) % slots.count] = message
    count += 1
  }

  mutating func popFirst() -> StorageMessage? {
    guard count > 0 else { return nil }
    defer {
      slots[first] = nil
      first = (first + 1) % slots.count
      count -= 1
    }
    return slots[first]
  }

  private mutating func grow() {
    slots = Array(slots[first...] + slots[..<first])
    slots += Array(repeating: nil, count: max(4, slots.count))
    first = 0
  }
}
