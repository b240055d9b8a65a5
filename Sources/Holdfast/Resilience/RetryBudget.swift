import CHoldfast

/// How many retries all callers may make together, so that a service that fails is not called many times
/// as often as one that works.
///
/// ```swift
/// let budget = try RetryBudget()
/// let orders = try Resilience(budget: budget)
/// let stock = try Resilience(budget: budget)
/// ```
///
/// Each success adds a share of a retry, up to a limit; besides, a floor of retries comes in each second,
/// so that one who seldom calls may retry too. A retry that nothing is left for is not made: the call
/// fails with what it failed with, in a ``RetryExhaustedError``. While a service fails altogether there
/// are no more retries than what was saved up and the floor, however many calls are made.
///
/// Any number of tasks may use one budget at once; nothing in it waits.
@safe public final class RetryBudget: Sendable {
  /// How successes pay for retries.
  ///
  /// What is out of range is refused by whoever takes the options, with
  /// ``HoldfastError/Code/invalidArgument``.
  public struct Options: Sendable, Hashable {
    /// Retries for each 100 successes: 0 to 1,000, by default 20.
    public var successPercent = 20
    /// Retries in each second besides: 0 to 1,000,000, by default 10. A second's worth may be made at
    /// once.
    public var floorPerSecond = 10
    /// The most that successes can have saved up: 1 to 1,000,000 retries, by default 100.
    public var mostSaved = 100
    /// What is saved up at first: 0 to ``mostSaved``, by default 10.
    public var reserve = 10

    /// The defaults. Change what you need.
    public init() {}

    /// With values of your own.
    public init(
      successPercent: Int = 20, floorPerSecond: Int = 10, mostSaved: Int = 100, reserve: Int = 10
    ) {
      self.successPercent = successPercent
      self.floorPerSecond = floorPerSecond
      self.mostSaved = mostSaved
      self.reserve = reserve
    }
  }

  /// Sendable: the C budget may be used by any number of threads, and only `deinit` frees it.
  private nonisolated(unsafe) let pointer: OpaquePointer
  private let time: TimeSource

  /// Makes a budget, with a coarse clock: it moves in steps of 1 to 10 ms.
  ///
  /// - Parameter options: what pays for retries.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when an option is out of range,
  ///   ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(1).
  public convenience init(_ options: Options = Options()) throws(HoldfastError) {
    try self.init(options, time: .coarse)
  }

  /// Makes a budget with a clock of your own, such as one that a test moves by hand.
  ///
  /// - Parameters:
  ///   - options: what pays for retries.
  ///   - clock: says when the floor's retries come in.
  /// - Throws: as the form without a clock.
  public convenience init(
    _ options: Options = Options(), clock: some Clock<Duration>
  ) throws(HoldfastError) {
    try self.init(options, time: TimeSource(clock))
  }

  private init(_ options: Options, time: TimeSource) throws(HoldfastError) {
    var raw = try options.raw()
    var budget: OpaquePointer?
    var error = hf_error()
    let status = unsafe hf_retry_budget_create(&raw, time.now, nil, &budget, &error)
    guard status == HF_OK, let budget = unsafe budget else {
      throw HoldfastError(ofOptions: error, named: Options.names)
    }
    unsafe self.pointer = budget
    self.time = time
  }

  deinit {
    unsafe hf_retry_budget_destroy(pointer)
  }

  /// A call succeeded: it pays its share. To be told once of each call, whether it was retried or not.
  ///
  /// - Complexity: O(1), without a lock; a look where as much is saved up as may be.
  public func succeeded() {
    unsafe hf_retry_budget_add(pointer)
  }

  /// Asks to retry. What successes saved up is taken first, then the floor.
  ///
  /// - Returns: whether it may be done; then it is paid for.
  /// - Complexity: O(1), without a lock.
  public func take() -> Bool {
    unsafe hf_retry_budget_take(pointer, time.now)
  }

  /// How many retries could be made now.
  public var available: Int {
    unsafe Int(clamping: hf_retry_budget_available(pointer, time.now))
  }

  /// Makes it as it was first.
  public func reset() {
    unsafe hf_retry_budget_reset(pointer, time.now)
  }
}

extension RetryBudget.Options {
  /// As the core takes them, which checks their ranges.
  func raw() throws(HoldfastError) -> hf_retry_budget_options {
    var raw = hf_retry_budget_options_default()
    raw.success_percent = try number(successPercent, "successPercent")
    raw.floor_per_second = try number(floorPerSecond, "floorPerSecond")
    raw.most_saved = try number(mostSaved, "mostSaved")
    raw.reserve = try number(reserve, "reserve")
    return raw
  }

  /// What the core calls them.
  static let names: [(core: String, own: String)] = [
    ("success_percent", "successPercent"), ("floor_per_second", "floorPerSecond"),
    ("most_saved", "mostSaved"), ("reserve", "reserve"),
  ]

  private func number(_ value: Int, _ name: String) throws(HoldfastError) -> UInt32 {
    guard let number = UInt32(exactly: value) else {
      throw HoldfastError(invalidArgument: "\(name) is \(value), which is out of range")
    }
    return number
  }
}
