import CHoldfast
import Synchronization

/// What is wrapped around the calls of one operation: rate limit, bulkhead, circuit breaker, retries and
/// time-outs, in an order of your choice.
///
/// ```swift
/// let orders = try ResiliencePipeline("orders", stages: [
///   .circuitBreaker(breaker), .retry(), .timeout(.seconds(2)),
/// ])
///
/// let order = try await orders.run { try await client.order(id) }
/// ```
///
/// ``Resilience`` makes them from presets. Hold one where an operation is called often.
///
/// - **Time.** At a deadline the body is cancelled, and the caller gets its ``TimeoutError`` at once,
///   whether or not the body ends. One that does not is abandoned: it keeps its places in bulkheads
///   until it does, and ``Figures/abandoned`` counts it.
/// - **Where the body runs.** In a task of its own where there is a time limit, without the caller's
///   actor; it begins on the caller's thread, and goes on there until it first suspends. So a body that
///   blocks or computes for long before that holds the caller up beyond the deadline, though it is
///   cancelled: give such code to ``runBlocking(on:_:)``.
/// - **Cancellation.** A cancelled caller waits for nothing any more: not for permits, nor for
///   the next attempt; and it cancels the body, which is to end and say what came of it. It is waited for,
///   until the deadline at most.
///
/// Any number of tasks may use one pipeline at once.
public final class ResiliencePipeline: Sendable {
  /// The name that errors, metrics and events carry.
  public let name: String
  let stages: [Stage]
  let timers: Timers
  let observer: PipelineObserver?
  let counts = Counts()
  let attempts: AttemptPool
  /// Whether the time at which an attempt begins is asked for though no time limit needs it.
  let timesAttempts: Bool
  /// Whether the innermost stage reads the clock.
  let isTimedLast: Bool
  /// What this shares with other pipelines of the same name.
  private let operation: Resilience.Operation?

  /// A stage as it is used.
  enum Stage: Sendable {
    case rateLimit(RateLimiter)
    case bulkhead(Bulkhead)
    case circuitBreaker(CircuitBreaker)
    case retry(Retry)
    case limit(TimeoutError.Kind, Duration, nanoseconds: UInt64)
  }

  /// Totals of what is rare, so that counting takes nothing of a healthy call. Relaxed: they order
  /// nothing.
  struct Counts: ~Copyable, Sendable {
    let retries = Atomic(0)
    let exhausted = Atomic(0)
    let timeouts = Atomic(0)
    let rejected = Atomic(0)
    let abandoned = Atomic(0)
  }

  /// What became of calls that did not go well.
  public struct Figures: Sendable, Hashable {
    /// Attempts that were not the first of their call.
    public let retries: Int
    /// Calls that failed with ``RetryExhaustedError``.
    public let exhausted: Int
    /// Times that a limit of time was reached: of attempts, and of calls.
    public let timeouts: Int
    /// Calls that a rate limiter, a bulkhead or a circuit breaker refused.
    public let rejected: Int
    /// Bodies that run on though nobody waits for them any more, now.
    public let abandoned: Int
  }

  /// Makes a pipeline of stages, the outermost first.
  ///
  /// - Parameters:
  ///   - name: for errors, metrics and events.
  ///   - stages: at most 64; none lets every call straight through. Breakers, bulkheads, limiters and
  ///     budgets may be shared with other pipelines.
  ///   - metrics: where attempts, delays and refusals are counted; see ``MetricsSink``.
  ///   - log: receives what goes wrong as lines with metadata.
  ///   - onEvent: called with what goes wrong, by the task that it goes wrong for, before that goes on:
  ///     let it be short.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when a policy or a time is out of range,
  ///   ``HoldfastError/Code/outOfMemory``.
  public convenience init(
    _ name: String, stages: [ResilienceStage], metrics: (any MetricsSink)? = nil,
    log: (any LogSink)? = nil, onEvent: (@Sendable (ResilienceEvent) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(
      name, stages: stages, timers: .standard,
      observer: PipelineObserver(operation: name, metrics: metrics, log: log, onEvent: onEvent))
  }

  /// Makes a pipeline with a clock of your own, such as one that a test moves by hand.
  ///
  /// The other parameters and errors are those of the form without a clock. Give the breakers, bulkheads,
  /// limiters and budgets the same clock.
  public convenience init(
    _ name: String, stages: [ResilienceStage], clock: some Clock<Duration>,
    metrics: (any MetricsSink)? = nil, log: (any LogSink)? = nil,
    onEvent: (@Sendable (ResilienceEvent) -> Void)? = nil
  ) throws(HoldfastError) {
    try self.init(
      name, stages: stages, timers: Timers(clock: clock),
      observer: PipelineObserver(operation: name, metrics: metrics, log: log, onEvent: onEvent))
  }

  init(
    _ name: String, stages: [ResilienceStage], timers: Timers, observer: PipelineObserver?,
    operation: Resilience.Operation? = nil
  ) throws(HoldfastError) {
    guard stages.count <= 64 else {
      throw HoldfastError(
        invalidArgument: "a pipeline may have 64 stages; this one has \(stages.count)")
    }
    var made: [Stage] = []
    for stage in stages { made.append(try Stage(stage)) }
    self.name = name
    self.stages = made
    self.timers = timers
    attempts = AttemptPool(timers)
    self.observer = observer
    self.operation = operation
    if case .limit = made.last { isTimedLast = true } else { isTimedLast = false }
    timesAttempts =
      observer != nil
      || made.contains {
        if case .retry = $0 { true } else { false }
      }
    operation?.pipelines.add(1, ordering: .relaxed)
  }

  deinit {
    operation?.pipelines.subtract(1, ordering: .releasing)
  }

  /// What became of calls that did not go well.
  ///
  /// - Complexity: O(1).
  public var figures: Figures {
    Figures(
      retries: counts.retries.load(ordering: .relaxed),
      exhausted: counts.exhausted.load(ordering: .relaxed),
      timeouts: counts.timeouts.load(ordering: .relaxed),
      rejected: counts.rejected.load(ordering: .relaxed),
      abandoned: counts.abandoned.load(ordering: .relaxed))
  }
}

extension ResiliencePipeline.Stage {
  fileprivate init(_ stage: ResilienceStage) throws(HoldfastError) {
    switch stage.kind {
    case .rateLimit(let limiter): self = .rateLimit(limiter)
    case .bulkhead(let bulkhead): self = .bulkhead(bulkhead)
    case .circuitBreaker(let breaker): self = .circuitBreaker(breaker)
    case .retry(let policy, let budget, let seed):
      self = .retry(try Retry(policy, budget: budget, seed: seed))
    case .limit(let kind, let limit):
      let year = Duration.seconds(366 * 86_400)
      guard limit > .zero, limit <= year, let nanoseconds = limit.wholeNanoseconds else {
        let name = kind == .attempt ? "timeout" : "deadline"
        throw HoldfastError(
          invalidArgument: "\(name) is \(limit); it may be more than 0 and at most a year")
      }
      self = .limit(kind, limit, nanoseconds: nanoseconds)
    }
  }
}
