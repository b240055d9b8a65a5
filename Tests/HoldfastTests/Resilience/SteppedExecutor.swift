@testable import Holdfast

/// Runs a task only when a test says so, job by job: from its beginning, or from where it waited, to
/// where it waits next.
final class SteppedExecutor: TaskExecutor, Sendable {
  private let jobs = Guarded<[UnownedJob]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
  }

  /// Whether there is a job.
  var isReady: Bool { jobs.withLock { !$0.isEmpty } }

  /// Runs the next job on the caller's thread. False: there is none.
  @discardableResult func step() -> Bool {
    let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    guard let job else { return false }
    unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    return true
  }
}
