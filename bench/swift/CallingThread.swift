import Dispatch
import Synchronization

/// Runs tasks on the thread that waits for them, so that the harness's clock, which counts what that
/// thread takes, sees all of it and nothing else.
///
/// A task goes from one job to the next without a change of threads: what tasks cost elsewhere, they cost
/// at least.
final class CallingThread: TaskExecutor {
  private final class Answer: Sendable {
    let result = Mutex<Result<UInt64, any Error>?>(nil)
  }

  private let jobs = Mutex<[UnownedJob]>([])
  private let more = DispatchSemaphore(value: 0)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    more.signal()
  }

  /// Runs a task to its end, with the tasks of its groups and the actors that it calls.
  func run(_ body: @escaping @Sendable () async throws -> UInt64) throws -> UInt64 {
    let answer = Answer()
    Task(executorPreference: self) {
      let result: Result<UInt64, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      answer.result.withLock { $0 = result }
    }
    while true {
      if let result = answer.result.withLock({ $0 }) { return try result.get() }
      more.wait()
      let job = jobs.withLock { $0.removeFirst() }
      unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}
