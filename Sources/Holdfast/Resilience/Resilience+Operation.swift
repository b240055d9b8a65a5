import CHoldfast
import Synchronization

extension Resilience {
  /// What the pipelines of one name share, besides the breaker, which is the registry's.
  final class Operation: Sendable {
    private struct Parts {
      var bulkhead: Bulkhead?
      var limiter: RateLimiter?
    }

    let name: String
    /// How many there are. Released by one that goes, so that who sees it gone sees all that it did.
    let pipelines = Atomic(0)
    private let parts = Guarded(Parts())

    init(name: String) { self.name = name }

    func bulkhead(_ options: Bulkhead.Options, _ timers: Timers) throws(HoldfastError) -> Bulkhead {
      try parts.withLock { parts throws(HoldfastError) in
        if let bulkhead = parts.bulkhead { return bulkhead }
        let made = try Bulkhead(name, options, timers: timers)
        parts.bulkhead = made
        return made
      }
    }

    func limiter(
      _ options: RateLimiter.Options, _ timers: Timers
    ) throws(HoldfastError) -> RateLimiter {
      try parts.withLock { parts throws(HoldfastError) in
        if let limiter = parts.limiter { return limiter }
        let made = try RateLimiter(name, options, timers: timers)
        parts.limiter = made
        return made
      }
    }

    func reset() {
      let (bulkhead, limiter) = parts.withLock { ($0.bulkhead, $0.limiter) }
      bulkhead?.reset()
      limiter?.reset()
    }
  }

  /// The operations by name, and the pipelines of plain presets.
  final class Table: Sendable {
    fileprivate struct Entry {
      var operation: Operation
      var pipelines: [ResiliencePreset: ResiliencePipeline] = [:]
      var used: UInt64
    }

    private static let limit = 1_000_000

    private let entries = Guarded<[ByteText: Entry]>([:])

    func pipeline(
      of name: String, _ preset: ResiliencePreset, now: UInt64
    ) -> ResiliencePipeline? {
      entries.withLock { entries in
        guard let found = entries[ByteText(name)]?.pipelines[preset] else { return nil }
        entries[ByteText(name)]?.used = now
        return found
      }
    }

    /// The operation of a name, made if there is none.
    func operation(_ name: String, now: UInt64) throws(HoldfastError) -> Operation {
      try entries.withLock { entries throws(HoldfastError) in
        let key = ByteText(name)
        if let found = entries[key]?.operation {
          entries[key]?.used = now
          return found
        }
        guard entries.count < Table.limit else {
          throw HoldfastError(
            HF_ERROR_REGISTRY_FULL, message: "there are \(entries.count) operations already")
        }
        let made = Operation(name: name)
        entries[key] = Entry(operation: made, used: now)
        return made
      }
    }

    /// Keeps a pipeline for whoever asks next; what is returned is the one that was first.
    func keep(
      _ made: ResiliencePipeline, of name: String, _ preset: ResiliencePreset
    ) -> ResiliencePipeline {
      entries.withLock { entries in
        let key = ByteText(name)
        if let first = entries[key]?.pipelines[preset] { return first }
        entries[key]?.pipelines[preset] = made
        return made
      }
    }

    var operations: [Operation] { entries.withLock { $0.values.map(\.operation) } }

    /// Takes away what nobody else holds and nobody asked for since then; `nil`: not even since the
    /// beginning of time.
    ///
    /// - Returns: the names.
    func evict(unusedSince time: UInt64?) -> [String] {
      guard let time else { return [] }
      // What goes leaves the lock first: its end calls breakers, and those their listeners.
      let gone = entries.withLock { entries -> [ByteText: Entry] in
        var gone: [ByteText: Entry] = [:]
        for key in Array(entries.filter { $0.value.used <= time }.keys) {
          guard var entry = entries.removeValue(forKey: key) else { continue }
          if entry.isHeldByNobody {
            gone[key] = entry
          } else {
            entries[key] = entry
          }
        }
        return gone
      }
      return gone.values.map(\.operation.name)
    }
  }

  /// Whom to tell what goes wrong with an operation.
  final class Observers: Sendable {
    private let metrics: (any MetricsSink)?
    private let log: (any LogSink)?
    private let onEvent: (@Sendable (ResilienceEvent) -> Void)?
    private let known = Guarded<[ByteText: PipelineObserver]>([:])

    init(
      metrics: (any MetricsSink)?, log: (any LogSink)?,
      onEvent: (@Sendable (ResilienceEvent) -> Void)?
    ) {
      self.metrics = metrics
      self.log = log
      self.onEvent = onEvent
    }

    /// `nil`: nobody.
    func observer(of name: String) -> PipelineObserver? {
      if let found = known.withLock({ $0[ByteText(name)] }) { return found }
      // With no lock held: the sink is the caller's.
      guard
        let made = PipelineObserver(operation: name, metrics: metrics, log: log, onEvent: onEvent)
      else { return nil }
      return known.withLock { known in
        if let first = known[ByteText(name)] { return first }
        known[ByteText(name)] = made
        return made
      }
    }

    func transitioned(_ transition: CircuitBreaker.Transition) {
      let name = transition.breaker
      // A breaker may be there when its operation is forgotten; nobody is kept for it then.
      let observer =
        known.withLock { $0[ByteText(name)] }
        ?? PipelineObserver(operation: name, metrics: metrics, log: log, onEvent: onEvent)
      observer?.transitioned(transition)
    }

    func forget(_ names: [String]) {
      known.withLock { known in
        for name in names { known[ByteText(name)] = nil }
      }
    }
  }
}

extension Resilience.Table.Entry {
  /// Whether nobody but the table holds a pipeline of it.
  fileprivate var isHeldByNobody: Bool {
    mutating get {
      guard operation.pipelines.load(ordering: .acquiring) == pipelines.count else { return false }
      for preset in Array(pipelines.keys) {
        guard isKnownUniquelyReferenced(&pipelines[preset]) else { return false }
      }
      return true
    }
  }
}
