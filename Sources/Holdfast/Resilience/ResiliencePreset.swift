/// A kind of dependency, for which there are values to begin with.
///
/// | | time-out | attempts | first delay | longest delay | failures that open | open for |
/// |---|---|---|---|---|---|---|
/// | `database` | 30 s | 3 | 500 ms | 10 s | 3 | 30 s |
/// | `cache` | 5 s | 2 | 100 ms | 1 s | 3 | 15 s |
/// | `api` | 60 s | 5 | 1 s | 30 s | 5 | 60 s |
/// | `file` | 10 s | 3 | 200 ms | 5 s | 3 | 30 s |
/// | `ml` | 300 s | 2 | 5 s | 30 s | 2 | 120 s |
/// | `custom` | 5 s | 3 | 500 ms | 8 s | 5 | 60 s |
///
/// Each has time-out, retry and circuit breaker; none has a deadline, a bulkhead or a rate limit.
public enum ResiliencePreset: String, Sendable, Hashable, CaseIterable, Codable {
  /// A database, or whatever else is asked little and waits long.
  case database
  /// A cache: what it does not answer soon is better computed.
  case cache
  /// A service that is called over HTTP.
  case api
  /// Files.
  case file
  /// A model that infers, or has to be loaded.
  case ml
  /// None of these.
  case custom

  /// The values of the table.
  ///
  /// - Complexity: O(1).
  public var configuration: ResilienceConfiguration {
    var it = ResilienceConfiguration()
    switch self {
    case .database:
      it.timeout = .seconds(30)
      it.maxAttempts = 3
      it.baseDelay = .milliseconds(500)
      it.maxDelay = .seconds(10)
      it.failureThreshold = 3
      it.recoveryTimeout = .seconds(30)
    case .cache:
      it.timeout = .seconds(5)
      it.maxAttempts = 2
      it.baseDelay = .milliseconds(100)
      it.maxDelay = .seconds(1)
      it.failureThreshold = 3
      it.recoveryTimeout = .seconds(15)
    case .api:
      it.timeout = .seconds(60)
      it.maxAttempts = 5
      it.baseDelay = .seconds(1)
      it.maxDelay = .seconds(30)
      it.failureThreshold = 5
      it.recoveryTimeout = .seconds(60)
    case .file:
      it.timeout = .seconds(10)
      it.maxAttempts = 3
      it.baseDelay = .milliseconds(200)
      it.maxDelay = .seconds(5)
      it.failureThreshold = 3
      it.recoveryTimeout = .seconds(30)
    case .ml:
      it.timeout = .seconds(300)
      it.maxAttempts = 2
      it.baseDelay = .seconds(5)
      it.maxDelay = .seconds(30)
      it.failureThreshold = 2
      it.recoveryTimeout = .seconds(120)
    case .custom:
      break
    }
    return it
  }
}

extension ResilienceConfiguration {
  /// ``ResiliencePreset/database``.
  public static var database: Self { ResiliencePreset.database.configuration }
  /// ``ResiliencePreset/cache``.
  public static var cache: Self { ResiliencePreset.cache.configuration }
  /// ``ResiliencePreset/api``.
  public static var api: Self { ResiliencePreset.api.configuration }
  /// ``ResiliencePreset/file``.
  public static var file: Self { ResiliencePreset.file.configuration }
  /// ``ResiliencePreset/ml``.
  public static var ml: Self { ResiliencePreset.ml.configuration }
}
