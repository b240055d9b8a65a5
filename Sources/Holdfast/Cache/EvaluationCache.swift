import CHoldfast

/// Remembers what conditions have decided.
///
/// ```swift
/// let decisions = try EvaluationCache()
/// if try decisions.evaluate(urgent, context) { … }
/// ```
///
/// A decision is known by the condition's program, however its text was written, and by the values
/// of the variables that it reads, in whatever order they were set. What fails is remembered too.
///
/// Looking a decision up takes longer than evaluating a condition of a few comparisons: some ten
/// nanoseconds against two or three. It serves where one decision stands for more than that, such as
/// a long condition over strings, and to see in ``statistics`` how often the same is asked.
///
/// Programs and values are known by 128 bits of a hash each, with a seed that is random for each
/// process. Two of n different ones are taken for each other with a chance of n² / 2¹²⁹: for a billion
/// decisions 1.5 in 10²¹.
///
/// Any number of tasks may use one at once.
public final class EvaluationCache: Sendable {
  private let core: CacheCore
  private let ttl: Duration?
  private let negativeTTL: Duration?

  /// 1,000 decisions (`cache_size`), for 300 seconds each (`cache_ttl_seconds`), failed ones too; the
  /// rest as for any cache.
  public static let defaultOptions: CacheOptions = {
    var options = CacheOptions()
    options.maxEntries = 1000
    options.ttl = .seconds(300)
    options.negativeTTL = .seconds(300)
    return options
  }()

  /// Makes an empty cache with a coarse clock, which moves in steps of 1 to 10 ms.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/outOfMemory``.
  public init(_ options: CacheOptions = EvaluationCache.defaultOptions) throws(HoldfastError) {
    core = try CacheCore(options, time: .coarse, removal: nil)
    ttl = options.ttl
    negativeTTL = options.negativeTTL
  }

  /// Makes an empty cache with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock.
  public init(
    _ options: CacheOptions = EvaluationCache.defaultOptions, clock: some Clock<Duration>
  ) throws(HoldfastError) {
    core = try CacheCore(options, time: TimeSource(clock), removal: nil)
    ttl = options.ttl
    negativeTTL = options.negativeTTL
  }

  /// Decides whether a condition holds in a context, or remembers it.
  ///
  /// - Parameters:
  ///   - condition: the condition.
  ///   - context: of the condition's schema or an equal one.
  ///   - validity: how long the decision may be kept at most, where it stands for something that
  ///     depends on time; `nil`: as long as the options say.
  /// - Returns: whether it holds.
  /// - Throws: as ``Condition/evaluate(_:)-(Context)``.
  /// - Complexity: O(variables that it reads, and the bytes of their strings); no allocation when it is
  ///   remembered.
  public func evaluate(
    _ condition: Condition, _ context: borrowing Context, validFor validity: Duration? = nil
  ) throws(HoldfastError) -> Bool {
    guard unsafe hf_schema_equal(condition.schema.handle.pointer, context.schema.handle.pointer)
    else { return try condition.evaluate(context) }
    let program = condition.digest
    let values = unsafe hf_condition_digest_context(
      condition.pointer, context.pointer, ConditionDigest.seed)
    let key = (program.low, program.high, values.low, values.high)
    switch remembered(key) {
    case .decided(let held): return held
    // Only whether it fails is kept; the reason is found again.
    case .failed: return try condition.evaluate(context)
    case .unknown: break
    }
    do {
      let held = try condition.evaluate(context)
      remember(held, key, validFor: validity)
      return held
    } catch {
      remember(nil, key, validFor: validity)
      throw error
    }
  }

  private typealias Digests = (UInt64, UInt64, UInt64, UInt64)

  private enum Memory { case decided(Bool), failed, unknown }

  private func remembered(_ key: Digests) -> Memory {
    // Safe: four words have no padding, and a byte is room for the one that `remember` puts.
    unsafe withUnsafeBytes(of: key) { key in
      var held: UInt8 = 0
      let found = unsafe withUnsafeMutableBytes(of: &held) { room in
        unsafe core.copy(key.bytes, into: room)
      }
      switch found.answer {
      case .hit, .stale: return .decided(held != 0)
      case .negative: return .failed
      case .miss, .noRoom: return .unknown
      }
    }
  }

  /// What does not fit is not remembered, and counted in ``CacheStatistics/refused``.
  private func remember(_ held: Bool?, _ key: Digests, validFor validity: Duration?) {
    var options = CacheEntryOptions(ttl: shorter(validity, of: held))
    options.isFixed = validity != nil
    if options.isOver { return }
    let value: UInt8 = held ?? false ? 1 : 0
    // Safe: as in `remembered`.
    unsafe withUnsafeBytes(of: key) { key in
      unsafe withUnsafeBytes(of: value) { value in
        try? unsafe core.insert(key.bytes, value.bytes, negative: held == nil, options)
      }
    }
  }

  /// A validity, if it is shorter than what the options say of a decision or a failure.
  private func shorter(_ validity: Duration?, of held: Bool?) -> Duration? {
    guard let validity else { return nil }
    guard let usual = held == nil ? negativeTTL : ttl else { return validity }
    return min(validity, usual)
  }

  /// Forgets all decisions.
  public func removeAll() { core.removeAll() }

  /// The figures: ``CacheStatistics/negativeHits`` are failures that were remembered.
  public var statistics: CacheStatistics { core.statistics }
}
