import CHoldfast

/// How delays before retries are spread, so that callers that failed together do not come back
/// together.
///
/// The kinds are those of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Let
/// d be the delay without jitter: the base, grown with each retry, up to the maximum.
public enum Jitter: String, Sendable, Hashable, CaseIterable, Codable {
  /// d.
  case none
  /// 0 to d, each as likely: the fewest calls at once, and by default.
  case full
  /// d/2 to d, each as likely: never an immediate retry.
  case equal
  /// From the base to three times the delay before, or to the maximum if that is less, each as likely.
  /// Does not ask how many retries there were, nor for the exponential base.
  case decorrelated

  var raw: hf_jitter {
    switch self {
    case .none: HF_JITTER_NONE
    case .full: HF_JITTER_FULL
    case .equal: HF_JITTER_EQUAL
    case .decorrelated: HF_JITTER_DECORRELATED
    }
  }
}
