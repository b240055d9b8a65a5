internal import Holdfast

/// Who is subscribed to what, over one connection that is opened with the first subscription.
///
/// Each subscription asks the server for all its channels, also for those that others have already:
/// so the server's confirmation of its own question says when it is in force. The server confirms
/// in the order in which it was asked, one line for each channel, so `due` is all that has to be
/// kept. After a loss each subscription asks again, on the new connection, and has a gap to its
/// account.
final class RedisSubscriptions: Sendable {
  /// A channel, or a pattern, by its bytes: texts that look the same need not be the same to the
  /// server.
  fileprivate struct Topic: Hashable {
    let name: [UInt8]
    let isPattern: Bool
  }

  /// A subscription.
  fileprivate struct Subscriber {
    let source: StorageSubscription.Source
    let topics: [Topic]
    /// Who waits for the first confirmation.
    var waiting: CheckedContinuation<StorageError?, Never>?
    /// Ends that wait when it takes too long.
    var expiry: Task<Void, Never>?
    /// Whether the server was asked at least once, so that it is asked again after a loss.
    var wasAsked = false
    /// Whether it is in force.
    var isInForce = false
  }

  /// A command that the server has not confirmed yet.
  private struct Due {
    /// Whose it is; `nil`: nobody's, one that ends a subscription.
    let subscriber: UInt64?
    /// How many lines its confirmation still has.
    var lines: Int
    /// Whether it is the last command of a subscriber's question.
    let isLast: Bool
  }

  private struct State {
    var isClosed = false
    var link: RedisLink?
    var subscribers: [UInt64: Subscriber] = [:]
    var numbers: UInt64 = 0
    /// The subscribers of each topic.
    var topics: [Topic: Set<UInt64>] = [:]
    /// On this connection, in the order of the server's answers.
    var due: [Due] = []
  }

  private let options: RedisOptions
  private let state = Guarded(State())

  init(_ options: RedisOptions) { self.options = options }

  /// Subscribes, and returns when that is in force.
  func subscribe(to channels: [String], patterns: [String], in session: RedisSession)
    async throws(StorageError) -> StorageSubscription
  {
    var seen: Set<Topic> = []
    let topics =
      (channels.map { Topic(name: Array($0.utf8), isPattern: false) }
      + patterns.map { Topic(name: Array($0.utf8), isPattern: true) })
      .filter { seen.insert($0).inserted }
    guard !topics.isEmpty else {
      throw StorageError(.invalidArgument, "a subscription has one channel or pattern at least")
    }
    // Else the confirmation might come before it is looked at.
    guard !Task.isCancelled else { throw Self.cancelled }
    let link = try link(in: session)
    let number = state.withLock { state in
      state.numbers += 1
      return state.numbers
    }
    let source = StorageSubscription.Source { [weak self] in self?.end(number) }
    let error = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let subscriber = Subscriber(source: source, topics: topics, waiting: continuation)
        enter(number, subscriber, link)
        // The task may have been cancelled before there was anything to cancel.
        if Task.isCancelled { fail(number, Self.cancelled) }
      }
    } onCancel: {
      fail(number, Self.cancelled)
    }
    if let error { throw error }
    return source.subscription()
  }

  /// Ends all subscriptions; the link is returned, to be closed.
  func close() -> [RedisLink] {
    let (link, subscribers) = state.withLock { state in
      defer { state = State(isClosed: true) }
      return (state.link, Array(state.subscribers.values))
    }
    for subscriber in subscribers { subscriber.tell(RedisStatus.closed, orEnd: nil) }
    return link.map { [$0] } ?? []
  }

  private func link(in session: RedisSession) throws(StorageError) -> RedisLink {
    let options = options
    return try state.withLock { state throws(StorageError) in
      guard !state.isClosed else { throw RedisStatus.closed }
      if let link = state.link { return link }
      let link = try session.open { loop throws(StorageError) in
        try RedisLink(
          loop, options, .subscriptions, changed: { [weak self] in self?.changed($0) },
          pushed: { [weak self] in self?.pushed($0) })
      }
      state.link = link
      return link
    }
  }

  private func enter(_ number: UInt64, _ subscriber: Subscriber, _ link: RedisLink) {
    let error = state.withLock { state -> StorageError? in
      guard !state.isClosed else { return RedisStatus.closed }
      state.subscribers[number] = subscriber
      for topic in subscriber.topics { state.topics[topic, default: []].insert(number) }
      // Under the lock, so that the server is asked in the order in which it was decided.
      let error = ask(number, subscriber.topics, link, again: nil)
      if error != nil { _ = leave(number, &state) }
      return error
    }
    if let error { subscriber.tell(error, orEnd: nil) }
  }

  /// Asks the server. `again`: the connection on which it is asked again. Returns why the question
  /// was not taken.
  private func ask(_ number: UInt64, _ topics: [Topic], _ link: RedisLink, again: UInt64?)
    -> StorageError?
  {
    var pipeline = RedisPipeline()
    var due: [Due] = []
    let channels = topics.filter { !$0.isPattern }
    let patterns = topics.filter { $0.isPattern }
    if !channels.isEmpty {
      pipeline.append(Self.command("SUBSCRIBE", channels))
      due.append(Due(subscriber: number, lines: channels.count, isLast: patterns.isEmpty))
    }
    if !patterns.isEmpty {
      pipeline.append(Self.command("PSUBSCRIBE", patterns))
      due.append(Due(subscriber: number, lines: patterns.count, isLast: true))
    }
    var terms = RedisLink.Terms(
      timeout: options.timeout.positiveNanoseconds ?? 1,
      attempts: UInt32(clamping: options.attempts), isRepeatable: true)
    if let again {
      // Until that connection ends; the next one asks again.
      terms.timeout = .max
      terms.connection = again
    }
    return link.send(pipeline, terms) { [weak self, due] answer in
      self?.asked(number, topics, due, answer, isFirst: again == nil)
    }
  }

  /// The question was sent, or will not be.
  private func asked(
    _ number: UInt64, _ topics: [Topic], _ due: [Due], _ answer: RedisAnswer, isFirst: Bool
  ) {
    switch answer.result {
    case .success:
      let waits = state.withLock { state in
        state.due += due
        // It was given up while the question waited for a connection.
        if state.subscribers[number] == nil { unsubscribe(from: topics, state) }
        state.subscribers[number]?.wasAsked = true
        return state.subscribers[number]?.waiting != nil
      }
      guard waits, isFirst else { return }
      let timeout = options.timeout
      // A time-out, one for each new subscription: with pushes a request is done when it is sent, so
      // the loop's timers cannot know that its confirmation is missing.
      let expiry = Task { [weak self] in
        do { try await Task.sleep(for: timeout) } catch { return }
        self?.fail(
          number,
          StorageError(.timedOut, "the server did not confirm the subscription", outcome: .unknown))
      }
      let isNeeded = state.withLock { state in
        state.subscribers[number]?.expiry = expiry
        return state.subscribers[number]?.waiting != nil
      }
      if !isNeeded { expiry.cancel() }
    case .failure(let error):
      if isFirst { fail(number, error) }
    }
  }

  /// Ends one that is not in force yet.
  private func fail(_ number: UInt64, _ error: StorageError) {
    let subscriber = state.withLock { state -> Subscriber? in
      guard state.subscribers[number]?.waiting != nil else { return nil }
      return leave(number, &state)
    }
    subscriber?.tell(error, orEnd: nil)
  }

  /// One that is not wanted any more.
  private func end(_ number: UInt64) {
    let subscriber = state.withLock { leave(number, &$0) }
    subscriber?.tell(Self.cancelled, orEnd: nil)
  }

  /// Takes a subscriber out, and unsubscribes from what nobody else is subscribed to.
  private func leave(_ number: UInt64, _ state: inout State) -> Subscriber? {
    guard let subscriber = state.subscribers.removeValue(forKey: number) else { return nil }
    for topic in subscriber.topics {
      state.topics[topic]?.remove(number)
      if state.topics[topic]?.isEmpty == true { state.topics[topic] = nil }
    }
    unsubscribe(from: subscriber.topics, state)
    return subscriber
  }

  /// Unsubscribes from those of the topics that nobody is subscribed to. Without a connection there
  /// is nothing to unsubscribe from.
  private func unsubscribe(from topics: [Topic], _ state: State) {
    let unused = topics.filter { state.topics[$0] == nil }
    guard let link = state.link, case let status = link.events.status, status.state == .up else {
      return
    }
    var terms = RedisLink.Terms(timeout: .max, attempts: 1, isRepeatable: true)
    terms.connection = status.connection
    for (name, topics) in [
      ("UNSUBSCRIBE", unused.filter { !$0.isPattern }),
      ("PUNSUBSCRIBE", unused.filter { $0.isPattern }),
    ] where !topics.isEmpty {
      let due = Due(subscriber: nil, lines: topics.count, isLast: true)
      // Where it is not taken, messages come that nobody wants, until the connection ends.
      _ = link.send(RedisPipeline([Self.command(name, topics)]), terms) { [weak self] answer in
        guard case .success = answer.result else { return }
        self?.state.withLock { $0.due.append(due) }
      }
    }
  }

  private static func command(_ name: String, _ topics: [Topic]) -> RedisCommand {
    RedisCommand(.anywhere, name, topics.map { .bytes($0.name) }, isRepeatable: true)
  }

  private static var cancelled: StorageError {
    StorageError(.cancelled, "the task was cancelled before it was subscribed")
  }
}

// On the loop's thread.
extension RedisSubscriptions {
  private func changed(_ status: RedisLinkEvents.Status) {
    let (sources, refused) = state.withLock {
      state -> ([StorageSubscription.Source], [(Subscriber, StorageError)]) in
      guard status.state == .up else {
        state.due = []
        var sources: [StorageSubscription.Source] = []
        for (number, subscriber) in state.subscribers where subscriber.isInForce {
          state.subscribers[number]?.isInForce = false
          sources.append(subscriber.source)
        }
        return (sources, [])
      }
      guard let link = state.link else { return ([], []) }
      var refused: [(Subscriber, StorageError)] = []
      for (number, subscriber) in state.subscribers where subscriber.wasAsked {
        if let error = ask(number, subscriber.topics, link, again: status.connection),
          let subscriber = leave(number, &state)
        {
          refused.append((subscriber, error))
        }
      }
      return ([], refused)
    }
    for source in sources { source.noteGap() }
    for (subscriber, error) in refused { subscriber.tell(error, orEnd: error) }
  }

  private func pushed(_ reply: RedisReply) {
    switch reply {
    case .array(let elements): pushed(elements)
    case .fault(let fault): refused(fault)
    default: break
    }
  }

  private func pushed(_ elements: [RedisReply]) {
    switch elements.first?.bytes {
    case Self.message where elements.count == 3:
      deliver(to: elements[1], isPattern: false, on: elements[1], elements[2])
    case Self.patternMessage where elements.count == 4:
      deliver(to: elements[1], isPattern: true, on: elements[2], elements[3])
    default: confirmed()
    }
  }

  private func deliver(
    to topic: RedisReply, isPattern: Bool, on channel: RedisReply, _ payload: RedisReply
  ) {
    guard let name = topic.bytes, let channel = channel.bytes, let payload = payload.bytes else {
      return
    }
    let sources = state.withLock { state in
      (state.topics[Topic(name: name, isPattern: isPattern)] ?? [])
        .compactMap { state.subscribers[$0]?.source }
    }
    let message = StorageMessage(
      channel: String(decoding: channel, as: UTF8.self), payload: payload)
    for source in sources { source.yield(message) }
  }

  /// One line of a confirmation.
  private func confirmed() {
    let waiting = state.withLock { state -> CheckedContinuation<StorageError?, Never>? in
      guard !state.due.isEmpty else { return nil }
      state.due[0].lines -= 1
      guard state.due[0].lines == 0 else { return nil }
      let due = state.due.removeFirst()
      guard due.isLast, let number = due.subscriber, state.subscribers[number] != nil else {
        return nil
      }
      state.subscribers[number]?.isInForce = true
      state.subscribers[number]?.expiry?.cancel()
      defer { state.subscribers[number]?.waiting = nil }
      return state.subscribers[number]?.waiting
    }
    waiting?.resume(returning: nil)
  }

  /// A command was refused: the subscription is not in force, and will not be.
  private func refused(_ fault: RedisFault) {
    let subscriber = state.withLock { state -> Subscriber? in
      guard !state.due.isEmpty else { return nil }
      return state.due.removeFirst().subscriber.flatMap { leave($0, &state) }
    }
    subscriber?.tell(fault.error(), orEnd: fault.error())
  }

  private static let message = Array("message".utf8)
  private static let patternMessage = Array("pmessage".utf8)
}

extension RedisSubscriptions.Subscriber {
  /// Tells who waits for it to be in force; or else ends it.
  fileprivate func tell(_ error: StorageError, orEnd end: StorageError?) {
    expiry?.cancel()
    if let waiting {
      waiting.resume(returning: error)
    } else if let end {
      source.fail(end)
    } else {
      source.finish()
    }
  }
}
