import CHoldfast

/// Pipelines by name, made of presets: what a service wraps around its outbound calls.
///
/// ```swift
/// let user = try await Resilience.database("user_lookup").run { try await database.user(id) }
///
/// let prices = try Resilience.api("prices") { $0.timeout = .seconds(2) }
/// let price = try await prices.run { try await shop.price(of: item) }
/// ```
///
/// Each name has its own circuit breaker, and its own bulkhead and rate limiter where these are enabled;
/// whoever asks for it first says with which options, whichever preset that was. Retries of all names
/// are paid from one budget. The stages are, from the outermost: deadline, rate limit, bulkhead,
/// circuit breaker, retry, timeout of each attempt; those that are not enabled are left out.
///
/// The functions of the type use ``shared``, whose settings come from the environment; make one of your own
/// to inject a clock, sinks or other settings. Asking for a pipeline by name looks it up, about a tenth
/// of a microsecond; one with a closure is made each time, so hold it.
///
/// Any number of tasks may use it at once.
public final class Resilience: Sendable {
  /// What the presets are.
  public let settings: ResilienceSettings
  /// The circuit breakers of all names.
  public let breakers: CircuitBreakerRegistry
  /// What all may retry together.
  public let budget: RetryBudget
  let timers: Timers
  private let seed: UInt64
  private let table: Table
  private let observers: Observers

  /// Makes one without pipelines.
  ///
  /// - Parameters:
  ///   - settings: by default those of the table in `docs/resilience.md`.
  ///   - budget: of retries; `nil`: one with the default options.
  ///   - metrics: where calls are counted; see ``MetricsSink``.
  ///   - log: receives what goes wrong.
  ///   - seed: of the jitter.
  ///   - onEvent: called with what goes wrong, by the task that it goes wrong for: let it be short.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when a setting is out of range,
  ///   ``HoldfastError/Code/outOfMemory``.
  public convenience init(
    _ settings: ResilienceSettings = ResilienceSettings(), budget: RetryBudget? = nil,
    metrics: (any MetricsSink)? = nil, log: (any LogSink)? = nil,
    seed: UInt64 = .random(in: .min ... .max),
    onEvent: (@Sendable (ResilienceEvent) -> Void)? = nil
  ) throws(HoldfastError) {
    let observers = Observers(metrics: metrics, log: log, onEvent: onEvent)
    let own = if let budget { budget } else { try RetryBudget() }
    try self.init(
      settings, budget: own, timers: .standard, seed: seed,
      observers: observers,
      breakers: CircuitBreakerRegistry(onTransition: { observers.transitioned($0) }))
  }

  /// Makes one with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock.
  public convenience init(
    _ settings: ResilienceSettings = ResilienceSettings(), clock: some Clock<Duration>,
    budget: RetryBudget? = nil, metrics: (any MetricsSink)? = nil, log: (any LogSink)? = nil,
    seed: UInt64 = .random(in: .min ... .max),
    onEvent: (@Sendable (ResilienceEvent) -> Void)? = nil
  ) throws(HoldfastError) {
    let observers = Observers(metrics: metrics, log: log, onEvent: onEvent)
    let own = if let budget { budget } else { try RetryBudget(clock: clock) }
    try self.init(
      settings, budget: own, timers: Timers(clock: clock),
      seed: seed, observers: observers,
      breakers: CircuitBreakerRegistry(
        clock: clock, onTransition: { observers.transitioned($0) }))
  }

  private init(
    _ settings: ResilienceSettings, budget: RetryBudget, timers: Timers, seed: UInt64,
    observers: Observers, breakers: CircuitBreakerRegistry
  ) throws(HoldfastError) {
    try settings.check()
    self.settings = settings
    self.budget = budget
    self.timers = timers
    self.seed = seed
    self.observers = observers
    self.breakers = breakers
    table = Table()
  }

  // MARK: - The one of the process

  private static let common = Guarded<Resilience?>(nil)

  /// The one that the functions of the type use: that of ``bootstrap(_:)``, or else one that is made, when
  /// it is first asked for, with the settings of the environment.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when a variable has a value that is none.
  public static var shared: Resilience {
    get throws(HoldfastError) {
      try common.withLock { common throws(HoldfastError) in
        if let common { return common }
        let made = try Resilience(ResilienceSettings(environment: nil))
        common = made
        return made
      }
    }
  }

  /// Makes it ``shared``. Pipelines that were made before stay as they are.
  public static func bootstrap(_ resilience: Resilience) {
    common.withLock { $0 = resilience }
  }

  // MARK: - Pipelines

  /// The pipeline of a preset.
  ///
  /// - Parameters:
  ///   - preset: which values it begins with.
  ///   - name: at most 4,096 bytes of UTF-8; `nil`: the file and the line of the call.
  ///   - fileID: the file of the call.
  ///   - line: its line.
  ///   - configure: changes values for this pipeline. Those of the breaker, the bulkhead and the rate
  ///     limiter count for the first pipeline of the name only.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when a value is out of range,
  ///   ``HoldfastError/Code/registryFull`` when there are a million names,
  ///   ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(length of the name).
  public func pipeline(
    _ preset: ResiliencePreset, _ name: String? = nil, fileID: StaticString = #fileID,
    line: UInt = #line, configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    let name = name ?? "\(fileID):\(line)"
    guard name.utf8.count <= 4096 else {
      throw HoldfastError(
        invalidArgument: "a name may have 4096 bytes; this one has \(name.utf8.count)")
    }
    let now = timers.now
    if configure == nil, let known = table.pipeline(of: name, preset, now: now) { return known }
    var configuration = settings[preset]
    configure?(&configuration)
    try configuration.check()
    let operation = try table.operation(name, now: now)
    let stages = settings.isEnabled ? try self.stages(of: operation, configuration) : []
    let made = try ResiliencePipeline(
      name, stages: stages, timers: timers, observer: observers.observer(of: name),
      operation: operation)
    return configure == nil ? table.keep(made, of: name, preset) : made
  }

  private func stages(
    of operation: Operation, _ configuration: ResilienceConfiguration
  ) throws(HoldfastError) -> [ResilienceStage] {
    var stages: [ResilienceStage] = []
    if let deadline = configuration.deadline { stages.append(.deadline(deadline)) }
    if configuration.isRateLimitEnabled {
      stages.append(.rateLimit(try operation.limiter(configuration.rateLimit, timers)))
    }
    if configuration.isBulkheadEnabled {
      stages.append(.bulkhead(try operation.bulkhead(configuration.bulkhead, timers)))
    }
    if configuration.isCircuitBreakerEnabled {
      let breaker = try breakers.breaker(
        operation.name,
        override: .init(
          options: configuration.breakerOptions, classify: configuration.classify))
      stages.append(.circuitBreaker(breaker))
    }
    if configuration.isRetryEnabled {
      let budget = configuration.isRetryBudgetEnabled ? budget : nil
      stages.append(.retry(RetryPolicy(of: configuration), budget: budget, seed: seed))
    }
    if configuration.isTimeoutEnabled { stages.append(.timeout(configuration.timeout)) }
    return stages
  }

  // MARK: - Looking after them

  /// How the services do that are called: all in one word, which breakers are open and which degraded, with
  /// their failure rates and totals.
  ///
  /// - Complexity: O(most names that there may be): two million places are looked at.
  public func health() -> CircuitBreakerRegistry.Health { breakers.health }

  /// Closes all breakers, fills all rate limiters and the budget, and makes their figures 0; those of
  /// pipelines stay. For tests:
  /// calls under way go on, and are not counted.
  ///
  /// - Complexity: O(most names that there may be): two million places are looked at.
  public func reset() {
    for name in breakers.health.breakers.keys { try? breakers.breaker(name).reset() }
    budget.reset()
    for operation in table.operations { operation.reset() }
  }

  /// Forgets names that nobody holds a pipeline of and nobody asked for for so long; a breaker with
  /// something to remember stays, see ``CircuitBreakerRegistry/evictIdle(for:remembering:budget:)``.
  ///
  /// - Returns: how many were forgotten.
  /// - Complexity: O(most names that there may be): two million places are looked at.
  @discardableResult
  public func evictIdle(for time: Duration = .seconds(600)) -> Int {
    let now = timers.now
    let age = time.wholeNanoseconds ?? (time < .zero ? 0 : .max)
    let names = table.evict(unusedSince: now >= age ? now - age : nil)
    observers.forget(names)
    breakers.evictIdle(for: time)
    return names.count
  }

  /// Calls ``evictIdle(for:)`` from time to time, until its task is cancelled. Run it where names come from
  /// outside; others need not.
  ///
  /// ```swift
  /// try await withThrowingTaskGroup { group in
  ///   group.addTask { try await resilience.run() }
  ///   …
  /// }
  /// ```
  ///
  /// With the package trait `ServiceLifecycle` this is a `Service`, which also ends, and then throws
  /// nothing, when its group shuts down gracefully.
  ///
  /// - Throws: `CancellationError`.
  public func run() async throws {
    #if ServiceLifecycle
      try await untilShutdown { try await self.evictNowAndThen() }
    #else
      try await evictNowAndThen()
    #endif
  }

  private func evictNowAndThen() async throws {
    while true {
      try await timers.sleep(until: timers.now &+ 60_000_000_000)
      evictIdle()
    }
  }
}
