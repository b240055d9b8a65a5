import CHoldfast

/// A name by which entries are invalidated together, whatever their keys.
///
/// ```swift
/// let customer: CacheTag = "customer-17"
/// try cache.insert(invoice, forKey: "invoice/99", options: CacheEntryOptions(tags: [customer]))
/// cache.invalidate(customer)
/// ```
public struct CacheTag: Sendable, Hashable, ExpressibleByStringLiteral {
  let number: UInt32

  /// The tag of a name. The same for the same name everywhere.
  public init(_ name: String) {
    var name = name
    number = name.withUTF8 { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) { bytes in
        unsafe hf_cache_tag(bytes.baseAddress, bytes.count)
      }
    }
  }

  /// The tag of a name.
  public init(stringLiteral name: String) { self.init(name) }
}

/// How one entry of a cache is.
public struct CacheEntryOptions: Sendable, Hashable {
  /// How long it lives; `nil`: as the cache's options say. With zero or less nothing is put, and what
  /// was under the key goes.
  public var ttl: Duration?
  /// Whether it lives until there is no room, whatever ``ttl`` and the cache's options say.
  public var neverExpires = false
  /// From then until its end it is stale: good enough, but ``Cache/value(forKey:options:load:)`` loads
  /// it anew in the background. `nil`: never.
  public var softTTL: Duration?
  /// Charged besides the entry's memory, in bytes: what its value stands for elsewhere. 0 to
  /// 4,294,967,295.
  public var cost = 0
  /// Whether a hit begins the TTL anew.
  public var sliding = false
  /// Its TTL does not slide, though the cache's options say so. The default is `false`.
  public var isFixed = false
  /// At most 7, together with the namespaces that the key is in.
  public var tags: [CacheTag] = []

  /// Options; each has its default.
  public init(
    ttl: Duration? = nil, softTTL: Duration? = nil, cost: Int = 0, sliding: Bool = false,
    tags: [CacheTag] = []
  ) {
    self.ttl = ttl
    self.softTTL = softTTL
    self.cost = cost
    self.sliding = sliding
    self.tags = tags
  }
}

extension CacheEntryOptions {
  /// Whether an entry would be gone at once.
  var isOver: Bool { !neverExpires && ttl.map { $0 <= .zero } ?? false }

  /// Calls the body with the options as the core takes them.
  func withRaw<Result, Failure: Error>(
    negative: Bool, _ body: (hf_cache_entry_options) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe tags.withUnsafeBufferPointer { tags throws(Failure) -> Result in
      var raw = unsafe hf_cache_entry_options()
      if neverExpires {
        unsafe raw.ttl_ns = UInt64.max
      } else if let ttl {
        unsafe raw.ttl_ns = ttl.wholeNanoseconds ?? UInt64.max
      }
      if let softTTL {
        unsafe raw.soft_ttl_ns = softTTL <= .zero ? 1 : softTTL.wholeNanoseconds ?? UInt64.max
      }
      unsafe raw.cost = UInt32(clamping: cost)
      unsafe raw.sliding = sliding
      unsafe raw.fixed = isFixed
      unsafe raw.negative = negative
      guard let start = tags.baseAddress else { return unsafe try body(raw) }
      // A tag is a struct of its number and nothing else, so the two have one layout.
      return unsafe try start.withMemoryRebound(to: UInt32.self, capacity: tags.count) {
        numbers throws(Failure) -> Result in
        unsafe raw.tags = numbers
        unsafe raw.tag_count = tags.count
        return unsafe try body(raw)
      }
    }
  }

  /// - Throws: ``HoldfastError/Code/invalidArgument`` where the core could not be told.
  func check() throws(HoldfastError) {
    guard UInt32(exactly: cost) != nil else {
      throw HoldfastError(
        HF_ERROR_INVALID_ARGUMENT, message: "cost is \(cost), which is out of range")
    }
    guard tags.count <= HF_CACHE_MAX_TAGS else {
      throw HoldfastError(
        HF_ERROR_INVALID_ARGUMENT,
        message: "the entry has \(tags.count) tags; it may have \(HF_CACHE_MAX_TAGS)")
    }
  }
}
