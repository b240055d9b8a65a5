/// The time of a call is over: of an attempt, of the whole call, or of a scope. Whoever set the limit makes
/// a ``TimeoutError`` of it.
struct DeadlinePassed: Error {
  /// Whether the body was under way, or somebody waited for a permit.
  var inBody = false
  /// What an attempt before had failed with.
  var lastError: (any Error)?
}

/// One call on its way through the stages.
struct ResilienceCall {
  /// When it has to be over: the earliest of the limits around; `.max`: never.
  var deadline = UInt64.max
  /// When the last attempt began; only known where somebody will ask, else `.max`.
  var attemptBegan = UInt64.max
  /// The bulkheads around, a bit for the place of each.
  var entered: UInt64 = 0
  /// Those whose permit is the call's. Of the others an abandoned body has it.
  var held: UInt64 = 0
  /// Where the body runs.
  let place: Attempt.Place
}
