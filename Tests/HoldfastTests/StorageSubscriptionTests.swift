import Testing

@testable import Holdfast

/// Subscriptions, from both ends.
@Suite struct StorageSubscriptionTests {
  /// What readers took.
  private final class Taken: Sendable {
    let numbers = Guarded<[Int]>([])

    func read(_ subscription: StorageSubscription) async throws {
      var reader = subscription.makeAsyncIterator()
      while let message = try await reader.next() {
        let number = Int(String(decoding: message.payload, as: UTF8.self)) ?? -1
        numbers.withLock { $0.append(number) }
      }
    }
  }

  private func message(_ number: Int) -> StorageMessage {
    StorageMessage(channel: "c", payload: Array("\(number)".utf8))
  }

  @Test func `of too many messages the oldest are dropped and counted`() async throws {
    let source = StorageSubscription.Source(keepingNewest: 3)
    let subscription = source.subscription()
    for number in 0..<10 { #expect(source.yield(message(number))) }
    #expect(subscription.losses.dropped == 7)
    #expect(subscription.losses.gaps == 0)
    var reader = subscription.makeAsyncIterator()
    for number in 7..<10 { #expect(try await reader.next() == message(number)) }
    source.noteGap()
    source.noteGap()
    #expect(subscription.losses.gaps == 2)
    source.yield(message(10))
    #expect(try await reader.next() == message(10))
    #expect(subscription.losses.dropped == 7)
  }

  @Test func `1,024 messages wait unless it is said otherwise`() {
    let source = StorageSubscription.Source()
    let subscription = source.subscription()
    for number in 0..<1030 { source.yield(message(number)) }
    #expect(subscription.losses.dropped == 6)
  }

  @Test func `messages keep their order however they are taken`() async throws {
    let source = StorageSubscription.Source(keepingNewest: 100)
    var reader = source.subscription().makeAsyncIterator()
    var (written, read) = (0, 0)
    for round in 0..<200 {
      for _ in 0..<(round % 13) where written - read < 100 {
        source.yield(message(written))
        written += 1
      }
      for _ in 0..<(round % 11) where read < written {
        #expect(try await reader.next() == message(read))
        read += 1
      }
    }
    #expect(read > 500)
  }

  @Test func `an end comes after the messages that wait`() async throws {
    let source = StorageSubscription.Source()
    var reader = source.subscription().makeAsyncIterator()
    source.yield(message(1))
    source.finish()
    #expect(!source.yield(message(2)))
    #expect(try await reader.next() == message(1))
    #expect(try await reader.next() == nil)
    #expect(try await reader.next() == nil)
  }

  @Test func `a failure comes after the messages that wait, and stays`() async throws {
    let source = StorageSubscription.Source()
    var reader = source.subscription().makeAsyncIterator()
    source.yield(message(1))
    let failure = StorageError(.refused, "no permission")
    source.fail(failure)
    source.finish()
    #expect(try await reader.next() == message(1))
    for _ in 0..<2 {
      do {
        _ = try await reader.next()
        Issue.record("it threw nothing")
      } catch {
        #expect(error == failure)
      }
    }
  }

  @Test func `cancelling drops what waits, and tells the source once`() async throws {
    let ends = Guarded(0)
    let source = StorageSubscription.Source { ends.withLock { $0 += 1 } }
    do {
      let subscription = source.subscription()
      source.yield(message(1))
      #expect(source.isOpen)
      subscription.cancel()
      subscription.cancel()
      var reader = subscription.makeAsyncIterator()
      #expect(try await reader.next() == nil)
    }
    #expect(!source.isOpen)
    #expect(ends.withLock { $0 } == 1)
  }

  @Test func `it ends with its last reference, also that of an iterator`() async throws {
    let ends = Guarded(0)
    let source = StorageSubscription.Source { ends.withLock { $0 += 1 } }
    do {
      var reader = source.subscription().makeAsyncIterator()
      source.yield(message(1))
      #expect(try await reader.next() == message(1))
      #expect(source.isOpen)
      _ = reader
    }
    #expect(!source.isOpen)
    #expect(ends.withLock { $0 } == 1)
  }

  @Test func `who waits is told the end`() async throws {
    for isFailure in [false, true] {
      let source = StorageSubscription.Source()
      let subscription = source.subscription()
      let waiting = Task { () async -> Result<StorageMessage?, any Error> in
        var reader = subscription.makeAsyncIterator()
        do { return .success(try await reader.next()) } catch { return .failure(error) }
      }
      await Task.yield()
      if isFailure { source.fail(StorageError(.refused, "no")) } else { source.finish() }
      switch await waiting.value {
      case .success(let message): #expect(!isFailure && message == nil)
      case .failure: #expect(isFailure)
      }
    }
  }

  @Test func `a cancelled task takes nothing, and each message is taken once`() async throws {
    let source = StorageSubscription.Source(keepingNewest: 100_000)
    let subscription = source.subscription()
    let taken = Taken()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 { group.addTask { try await taken.read(subscription) } }
      group.addTask {
        // Readers come and are cancelled, waiting or not.
        for number in 0..<2000 {
          let task = Task { try await taken.read(subscription) }
          if number % 3 == 0 { await Task.yield() }
          source.yield(message(number))
          task.cancel()
          try await task.value
        }
        source.finish()
      }
      try await group.waitForAll()
    }
    #expect(taken.numbers.withLock { $0.sorted() } == Array(0..<2000))
  }

  @Test func `a part of a storage hides its prefix in channels`() async throws {
    let storage = MemoryStorage()
    let part = storage.prefixed("a:").prefixed("b:")
    let subscription = try await part.subscribe(to: ["c"])
    #expect(try await part.publish([1], to: "c") == 1)
    #expect(try await storage.publish([2], to: "c") == 0)
    #expect(try await storage.publish([3], to: "a:b:c") == 1)
    var reader = subscription.makeAsyncIterator()
    #expect(try await reader.next() == StorageMessage(channel: "c", payload: [1]))
    #expect(try await reader.next() == StorageMessage(channel: "c", payload: [3]))
    #expect(storage.figures.subscriptions == 1)
    subscription.cancel()
    #expect(storage.figures.subscriptions == 0)
  }

  @Test func `a storage that goes ends its subscriptions`() async throws {
    var storage: MemoryStorage? = MemoryStorage()
    let subscription = try await storage?.subscribe(to: ["c"])
    storage = nil
    var reader = try #require(subscription).makeAsyncIterator()
    #expect(try await reader.next() == nil)
  }
}
