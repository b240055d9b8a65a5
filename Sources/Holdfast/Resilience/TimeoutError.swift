/// What a pipeline throws when there was no answer in time.
///
/// The body was cancelled. Whether it did what it was to do is not known.
public struct TimeoutError: Error, Sendable {
  /// Which limit of time it was.
  public enum Kind: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// That of one attempt.
    case attempt
    /// That of the whole call, with its waiting, its attempts and the delays between them; or of a
    /// scope.
    case call

    /// Its name.
    public var description: String { rawValue }
  }

  /// The name of the pipeline.
  public let operation: String
  /// Which limit of time it was.
  public let kind: Kind
  /// How long it was.
  public let limit: Duration
  /// What the last attempt before had failed with, if the limit is that of the call and one had.
  public let lastError: (any Error)?

  /// An error as a pipeline throws it, for the tests of code that handles it.
  public init(
    operation: String, kind: Kind, limit: Duration, lastError: (any Error)? = nil
  ) {
    self.operation = operation
    self.kind = kind
    self.limit = limit
    self.lastError = lastError
  }

  /// Always ``HoldfastError/Code/timedOut``.
  public var code: HoldfastError.Code { .timedOut }
}

extension TimeoutError: CustomStringConvertible {
  /// The code, the operation and the limit.
  public var description: String {
    let what =
      kind == .attempt ? "an attempt of '\(operation.onOneLine)'" : "'\(operation.onOneLine)'"
    let before = lastError.map { "; before that: \(String(describing: $0).onOneLine)" } ?? ""
    return "\(code): \(what) gave no answer within \(limit)\(before)"
  }
}

extension TimeoutError: TransientError {
  /// Whether it was an attempt: when the call has no time left, another one has none either.
  public var isTransient: Bool { kind == .attempt }
}
