/// One value of a configuration that can be given from outside: its names, where it is and what is
/// accepted. What checks a configuration and what reads one stand on the same table of these.
struct ConfigurationParameter<Root>: Sendable {
  typealias Path<Value> = WritableKeyPath<Root, Value> & Sendable

  enum Kind: Sendable {
    case flag(any Path<Bool>)
    case time(any Path<Duration>, ClosedRange<Duration>)
    case optionalTime(any Path<Duration?>, ClosedRange<Duration>)
    case count(any Path<Int>, ClosedRange<Int>)
    case optionalCount(any Path<Int?>, ClosedRange<Int>)
    case number(any Path<Double>, ClosedRange<Double>)
    case jitter(any Path<Jitter>)
  }

  /// As in Swift, such as `maxAttempts`.
  let name: String
  /// As in JSON, such as `max_attempts`; `bulkhead.limit` is `limit` in the object `bulkhead`.
  let key: String
  let kind: Kind

  /// What is accepted, in words. Times are in seconds.
  var accepted: String {
    switch kind {
    case .flag: "true or false"
    case .time(_, let range): "seconds, \(Self.words(range))"
    case .optionalTime(_, let range): "seconds, \(Self.words(range)), or null"
    case .count(_, let range): "a whole number, \(range.lowerBound) to \(range.upperBound)"
    case .optionalCount(_, let range):
      "a whole number, \(range.lowerBound) to \(range.upperBound), or null"
    case .number(_, let range):
      "a number, \(range.lowerBound.inFewDigits) to \(range.upperBound.inFewDigits)"
    case .jitter: Jitter.allCases.map(\.rawValue).joined(separator: ", ")
    }
  }

  /// The value as it is, if it is out of range.
  func valueOutOfRange(of root: Root) -> String? {
    switch kind {
    case .flag, .jitter:
      return nil
    case .time(let path, let range):
      return range.contains(root[keyPath: path]) ? nil : "\(root[keyPath: path])"
    case .optionalTime(let path, let range):
      return root[keyPath: path].flatMap { range.contains($0) ? nil : "\($0)" }
    case .count(let path, let range):
      return range.contains(root[keyPath: path]) ? nil : "\(root[keyPath: path])"
    case .optionalCount(let path, let range):
      return root[keyPath: path].flatMap { range.contains($0) ? nil : "\($0)" }
    case .number(let path, let range):
      return range.contains(root[keyPath: path]) ? nil : root[keyPath: path].inFewDigits
    }
  }

  /// Puts a value in its place.
  ///
  /// - Returns: false when it is not accepted; nothing changed then.
  func set(_ value: ConfigurationValue, in root: inout Root) -> Bool {
    switch (kind, value) {
    case (.flag(let path), .flag(let flag)):
      root[keyPath: path] = flag
    case (.time(let path, let range), .number(let seconds)):
      guard let time = Self.time(seconds, in: range) else { return false }
      root[keyPath: path] = time
    case (.optionalTime(let path, _), .null):
      root[keyPath: path] = nil
    case (.optionalTime(let path, let range), .number(let seconds)):
      guard let time = Self.time(seconds, in: range) else { return false }
      root[keyPath: path] = time
    case (.count(let path, let range), .number(let number)):
      guard let count = Int(exactly: number), range.contains(count) else { return false }
      root[keyPath: path] = count
    case (.optionalCount(let path, _), .null):
      root[keyPath: path] = nil
    case (.optionalCount(let path, let range), .number(let number)):
      guard let count = Int(exactly: number), range.contains(count) else { return false }
      root[keyPath: path] = count
    case (.number(let path, let range), .number(let number)):
      guard range.contains(number) else { return false }
      root[keyPath: path] = number
    case (.jitter(let path), .text(let text)):
      guard let jitter = Jitter(rawValue: text) else { return false }
      root[keyPath: path] = jitter
    default:
      return false
    }
    return true
  }

  /// To the nanosecond: a fraction of decimal digits is none of binary ones.
  private static func time(_ seconds: Double, in range: ClosedRange<Duration>) -> Duration? {
    // No range goes beyond a year, which is far from where the conversion would trap.
    guard seconds >= 0, seconds <= 1e9 else { return nil }
    let time = Duration.nanoseconds(Int64((seconds * 1e9).rounded()))
    return range.contains(time) ? time : nil
  }

  private static func words(_ range: ClosedRange<Duration>) -> String {
    let most = (range.upperBound / .seconds(1)).inFewDigits
    return range.lowerBound == .nanoseconds(1)
      ? "more than 0 and at most \(most)"
      : "\((range.lowerBound / .seconds(1)).inFewDigits) to \(most)"
  }
}

private let day = Duration.seconds(86_400)

extension ClosedRange<Duration> {
  /// How long something may take: a year at most.
  static var limitOfTime: Self { .nanoseconds(1)...day * 365 }
}

extension ResilienceConfiguration {
  /// All but the closures, and those options of the breaker that have no name of their own here.
  static let parameters: [ConfigurationParameter<Self>] = [
    .init(name: "isTimeoutEnabled", key: "enable_timeout", kind: .flag(\.isTimeoutEnabled)),
    .init(name: "timeout", key: "timeout", kind: .time(\.timeout, .limitOfTime)),
    .init(name: "deadline", key: "deadline", kind: .optionalTime(\.deadline, .limitOfTime)),
    .init(name: "isRetryEnabled", key: "enable_retry", kind: .flag(\.isRetryEnabled)),
    .init(name: "maxAttempts", key: "max_attempts", kind: .count(\.maxAttempts, 1...1000)),
    .init(name: "baseDelay", key: "base_delay", kind: .time(\.baseDelay, .zero...day)),
    .init(name: "maxDelay", key: "max_delay", kind: .time(\.maxDelay, .zero...day)),
    .init(
      name: "exponentialBase", key: "exponential_base", kind: .number(\.exponentialBase, 1...100)),
    .init(name: "jitter", key: "jitter", kind: .jitter(\.jitter)),
    .init(
      name: "longestRetryAfter", key: "longest_retry_after",
      kind: .time(\.longestRetryAfter, .zero...day)),
    .init(
      name: "isRetryBudgetEnabled", key: "enable_retry_budget", kind: .flag(\.isRetryBudgetEnabled)),
    .init(
      name: "isCircuitBreakerEnabled", key: "enable_circuit_breaker",
      kind: .flag(\.isCircuitBreakerEnabled)),
    .init(
      name: "failureThreshold", key: "failure_threshold",
      kind: .count(\.failureThreshold, 0...65_535)
    ),
    .init(
      name: "recoveryTimeout", key: "recovery_timeout",
      kind: .time(\.recoveryTimeout, .milliseconds(1)...day * 49)),
    .init(name: "isBulkheadEnabled", key: "enable_bulkhead", kind: .flag(\.isBulkheadEnabled)),
    .init(
      name: "bulkhead.limit", key: "bulkhead.limit", kind: .count(\.bulkhead.limit, 1...1_000_000)),
    .init(
      name: "bulkhead.queue", key: "bulkhead.queue", kind: .count(\.bulkhead.queue, 0...1_000_000)),
    .init(
      name: "bulkhead.longestWait", key: "bulkhead.longest_wait",
      kind: .optionalTime(\.bulkhead.longestWait, .zero...day * 365)),
    .init(name: "isRateLimitEnabled", key: "enable_rate_limit", kind: .flag(\.isRateLimitEnabled)),
    .init(
      name: "rateLimit.permits", key: "rate_limit.permits",
      kind: .count(\.rateLimit.permits, 1...1_000_000_000)),
    .init(
      name: "rateLimit.per", key: "rate_limit.per",
      kind: .time(\.rateLimit.per, .microseconds(1)...day)),
    .init(
      name: "rateLimit.burst", key: "rate_limit.burst",
      kind: .optionalCount(\.rateLimit.burst, 1...1_000_000_000)),
    .init(
      name: "rateLimit.longestWait", key: "rate_limit.longest_wait",
      kind: .time(\.rateLimit.longestWait, .zero...day * 365)),
  ]
}
