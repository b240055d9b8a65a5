/// The subscriptions of a ``MemoryStorage``.
struct MemoryChannels: Sendable {
  private var sources: [Int: (source: StorageSubscription.Source, channels: Set<ByteText>)] = [:]
  private var numbers: [ByteText: Set<Int>] = [:]
  private var nextNumber = 0

  var count: Int { sources.count }

  mutating func reserveNumber() -> Int {
    defer { nextNumber += 1 }
    return nextNumber
  }

  mutating func add(_ source: StorageSubscription.Source, _ number: Int, to channels: [String]) {
    let channels = Set(channels.map(ByteText.init))
    sources[number] = (source, channels)
    for channel in channels { numbers[channel, default: []].insert(number) }
  }

  mutating func remove(_ number: Int) {
    guard let (_, channels) = sources.removeValue(forKey: number) else { return }
    for channel in channels {
      numbers[channel]?.remove(number)
      if numbers[channel]?.isEmpty ?? false { numbers[channel] = nil }
    }
  }

  /// How many get it, and what tells those of them who wait, to be called with no lock held.
  func offer(_ message: StorageMessage) -> (count: Int, wakes: [@Sendable () -> Void]) {
    let offers = (numbers[ByteText(message.channel)] ?? []).compactMap {
      sources[$0]?.source.offer(message)
    }
    return (offers.count { $0.isTaken }, offers.compactMap(\.wake))
  }

  /// All sources, which are subscribed to nothing then.
  mutating func takeAll() -> [StorageSubscription.Source] {
    defer {
      sources = [:]
      numbers = [:]
    }
    return sources.values.map(\.source)
  }
}
