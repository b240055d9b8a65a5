@testable import Holdfast

/// Runs a task only when a test says so, job by job: from its beginning, or from where it waited,
/// to where it waits next.
final class SteppedExecutor: TaskExecutor, Sendable {
  private struct State {
    var jobs: [UnownedJob] = []
    /// Who waits for one.
    var watcher: CheckedContinuation<Void, Never>?
  }

  private let state = Guarded(State())

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let watcher = state.withLock { state in
      state.jobs.append(job)
      defer { state.watcher = nil }
      return state.watcher
    }
    watcher?.resume()
  }

  /// Whether there is a job.
  var isReady: Bool { state.withLock { !$0.jobs.isEmpty } }

  /// Returns as soon as there is one: where other threads bring that about. For one task at a time.
  func whenReady() async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state in
        if !state.jobs.isEmpty { return true }
        state.watcher = continuation
        return false
      }
      if isReady { continuation.resume() }
    }
  }

  /// Runs the next job on the caller's thread. False: there is none.
  @discardableResult func step() -> Bool {
    let job = state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
    guard let job else { return false }
    unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    return true
  }
}
