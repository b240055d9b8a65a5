import Foundation

/// What a fixture could not do.
struct FixtureFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Runs what blocks on a thread of its own, because the tasks have as few as the machine has cores.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws
  -> Result
{
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(with: Swift.Result(catching: body))
    }
  }
}

/// Waits until something holds that another task or process brings about; fails after `limit`.
func eventually(
  _ what: String, within limit: Duration = .seconds(20), _ holds: () async throws -> Bool
) async throws {
  let clock = ContinuousClock()
  let end = clock.now + limit
  while try await !holds() {
    guard clock.now < end else { throw FixtureFailure("within \(limit) it never was so: \(what)") }
    // Between two looks; nothing depends on how long it is.
    try await Task.sleep(for: .milliseconds(2))
  }
}
