/// What a pipeline throws when a call failed, and will not be tried again though its error is one that
/// may pass.
///
/// It carries every attempt. An error that is not to be retried is thrown as it is, and so is the error
/// of a pipeline that makes one attempt only.
public struct RetryExhaustedError: Error, Sendable {
  /// Why it is not tried again.
  public enum Reason: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// It was tried as often as it may be.
    case attempts
    /// The retry budget is used up.
    case budget
    /// The next attempt would begin after the deadline of the call.
    case deadline
    /// The server asked not to be called for longer than is waited.
    case retryAfter = "retry_after"
    /// An attempt that ran out of time is still under way and keeps its place in the bulkhead, and
    /// there was no other place.
    case bulkhead

    /// Its name.
    public var description: String { rawValue }
  }

  /// One attempt that failed.
  public struct Attempt: Sendable {
    /// What it failed with.
    public let error: any Error
    /// How long after the first one it began: zero for that.
    public let began: Duration
    /// How long it took.
    public let duration: Duration
    /// How long was waited before it: zero for the first.
    public let delay: Duration

    /// An attempt as a pipeline reports it, for the tests of code that handles it.
    public init(error: any Error, began: Duration, duration: Duration, delay: Duration) {
      self.error = error
      self.began = began
      self.duration = duration
      self.delay = delay
    }
  }

  /// The name of the pipeline.
  public let operation: String
  /// Why it is not tried again.
  public let reason: Reason
  /// All attempts, the first one first; at least one.
  public let attempts: [Attempt]

  /// An error as a pipeline throws it, for the tests of code that handles it.
  public init(operation: String, reason: Reason, attempts: [Attempt]) {
    self.operation = operation
    self.reason = reason
    self.attempts = attempts
  }

  /// What the last attempt failed with.
  public var lastError: (any Error)? { attempts.last?.error }

  /// Always ``HoldfastError/Code/retriesExhausted``.
  public var code: HoldfastError.Code { .retriesExhausted }
}

extension RetryExhaustedError: CustomStringConvertible {
  /// The code, the operation, how often it was tried, why it is not tried again, and the last error.
  public var description: String {
    let times = attempts.count == 1 ? "once" : "\(attempts.count) times"
    let why =
      switch reason {
      case .attempts: ""
      case .budget: ", and the retry budget is used up"
      case .deadline: ", and there is no time left for another attempt"
      case .retryAfter: ", and the server asks to wait longer than is waited"
      case .bulkhead: ", and attempts that do not end take all places"
      }
    let last = lastError.map { ": \(String(describing: $0).onOneLine)" } ?? ""
    return "\(code): '\(operation.onOneLine)' failed \(times)\(why)\(last)"
  }
}
