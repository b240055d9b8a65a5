/// Keys by the time when they expire, the earliest first.
///
/// An item is not taken out when its key goes or gets another TTL: whoever takes it looks whether it
/// still holds. So it may hold more than there are keys with a TTL, until `rebuild`.
struct DeadlineHeap: Sendable {
  struct Item: Sendable {
    let deadline: Duration
    let key: ByteText
  }

  private var items: [Item] = []

  var count: Int { items.count }

  /// - Complexity: O(log count).
  mutating func insert(_ key: ByteText, at deadline: Duration) {
    items.append(Item(deadline: deadline, key: key))
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard items[child].deadline < items[parent].deadline else { return }
      items.swapAt(child, parent)
      child = parent
    }
  }

  /// The earliest, if its time has come.
  ///
  /// - Complexity: O(log count).
  mutating func popFirst(dueAt now: Duration) -> Item? {
    guard let first = items.first, first.deadline <= now else { return nil }
    items.swapAt(0, items.count - 1)
    items.removeLast()
    sink(0)
    return first
  }

  /// Holds these instead.
  ///
  /// - Complexity: O(count).
  mutating func rebuild(_ newItems: [Item]) {
    items = newItems
    for parent in stride(from: items.count / 2 - 1, through: 0, by: -1) { sink(parent) }
  }

  private mutating func sink(_ start: Int) {
    var parent = start
    while true {
      var child = 2 * parent + 1
      guard child < items.count else { return }
      if child + 1 < items.count, items[child + 1].deadline < items[child].deadline { child += 1 }
      guard items[child].deadline < items[parent].deadline else { return }
      items.swapAt(child, parent)
      parent = child
    }
  }
}
