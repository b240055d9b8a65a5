/// A queue whose elements have numbers, in the order in which they came, so that one in the middle
/// can leave without a search.
///
/// The number of one that left is passed over when it comes to be first: once, so that every
/// operation takes O(1) over time.
struct NumberedQueue<Element: Sendable>: Sendable {
  private var elements: [Int: Element] = [:]
  /// Of the first who may still be here.
  private var firstNumber = 0
  /// Of who comes next.
  private(set) var nextNumber = 0

  var count: Int { elements.count }

  /// It has the next number.
  mutating func append(_ element: Element) {
    elements[nextNumber] = element
    nextNumber += 1
  }

  mutating func popFirst() -> Element? {
    // Nobody is here: what was passed over need not be looked at.
    guard !elements.isEmpty else {
      firstNumber = nextNumber
      return nil
    }
    while true {
      defer { firstNumber += 1 }
      if let element = elements.removeValue(forKey: firstNumber) { return element }
    }
  }

  /// `nil`: it was not here any more.
  mutating func remove(_ number: Int) -> Element? { elements.removeValue(forKey: number) }
}
