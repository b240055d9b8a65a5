/// The keys of a storage, page by page: `for try await key in storage.scan("user:*")`.
///
/// A page is asked for when it is needed, so whoever stops early costs no more. To have each key once the
/// keys that came are remembered until the end: about 100 bytes and the key for each.
public struct StorageScan: AsyncSequence, Sendable {
  /// A key.
  public typealias Element = String
  /// Why there are no more.
  public typealias Failure = StorageError

  /// Some keys, maybe none, maybe some that came before; and where to go on: `nil`, at the end.
  public typealias Page = (keys: [String], next: UInt64?)

  let page: @Sendable (UInt64) async throws(StorageError) -> Page

  /// From an implementation's pages. The first is asked for with 0.
  public init(pages: @escaping @Sendable (UInt64) async throws(StorageError) -> Page) {
    page = pages
  }

  /// Begins anew.
  public func makeAsyncIterator() -> Iterator { Iterator(page: page) }

  /// Takes keys, one by one.
  public struct Iterator: AsyncIteratorProtocol {
    let page: @Sendable (UInt64) async throws(StorageError) -> Page
    private var cursor: UInt64? = 0
    private var keys: [String] = []
    /// By their bytes: `String` takes some for equal that are two keys.
    private var seen: Set<ByteText> = []

    init(page: @escaping @Sendable (UInt64) async throws(StorageError) -> Page) { self.page = page }

    /// The next key; `nil` at the end.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(StorageError)
      -> String?
    {
      while true {
        while let key = keys.popLast() {
          if seen.insert(ByteText(key)).inserted { return key }
        }
        guard let at = cursor else { return nil }
        (keys, cursor) = try await page(at)
      }
    }

    /// The next key; `nil` at the end.
    public mutating func next() async throws(StorageError) -> String? {
      try await next(isolation: nil)
    }
  }
}
