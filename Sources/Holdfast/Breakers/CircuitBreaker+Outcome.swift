import CHoldfast

extension CircuitBreaker {
  /// What a call says about the service that it called.
  public enum Outcome: Sendable, Hashable, CaseIterable {
    /// It works. Ends a run of failures.
    case success
    /// It does not.
    case failure
    /// It works, but takes too long. Ends a run of failures; counts for the slow-call rate. A probe
    /// that is slow has failed where a slow-call rate is set, and succeeded elsewhere.
    case slow
    /// Nothing: the call was cancelled, or it was the caller's mistake.
    case neutral

    /// An error that is not to count: another name of ``neutral``, for classifying.
    public static var ignored: Outcome { .neutral }

    var raw: hf_outcome {
      switch self {
      case .success: HF_OUTCOME_SUCCESS
      case .failure: HF_OUTCOME_FAILURE
      case .slow: HF_OUTCOME_SLOW
      case .neutral: HF_OUTCOME_NEUTRAL
      }
    }
  }
}
