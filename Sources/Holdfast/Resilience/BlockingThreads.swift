internal import Dispatch

/// Threads for code that blocks.
///
/// Tasks share as many threads as the machine has cores, so that a few which block stop all the
/// others. A task that prefers this executor runs here instead, on a thread that may block:
///
/// ```swift
/// let rows = try await Task(executorPreference: BlockingThreads.shared) {
///   try legacyDatabase.query(text)
/// }.value
/// ```
///
/// The closure is part of that task: `Task.isCancelled` is true in it once the task is cancelled,
/// and task-local values are there.
///
/// At most ``limit`` jobs run at once; the others wait, and are run in the order in which they
/// came, whatever their priority. So a job must not wait for one that came later: when all threads
/// do so, none goes on. A thread is made when it is needed, and goes when there was nothing to do
/// for a while.
///
/// All of a process together should not be more than 200: Dispatch gives out about 255 such
/// threads, and time limits need one of them. Calls that may hang had better have threads of their
/// own, so that they do not take those of the others. A pipeline refuses a call with
/// ``BulkheadFullError`` while 10,000 jobs wait.
public final class BlockingThreads: TaskExecutor, Sendable {
  /// The ones that ``ResiliencePipeline`` uses unless it is told otherwise: at most 64.
  public static let shared = BlockingThreads(checkedLimit: 64)

  /// How many jobs run at once, at most.
  public let limit: Int

  /// The figures of one moment.
  public struct Figures: Sendable, Hashable {
    /// Jobs that run, each on a thread of its own.
    public let busy: Int
    /// Jobs that wait for a thread.
    public let waiting: Int
  }

  // A thread is a serial queue of Dispatch, which knows how to keep threads for a while and how to
  // be rid of them. A serial queue that nobody gave a target gets a thread whether or not those
  // that Dispatch keeps for the cores are busy (its root queue "overcommits"), which a concurrent
  // queue does not. Threads of our own would cost a condition, a timed wait and the platforms'
  // differences, and would be one more pool. On Linux there are at most 255 such threads in a
  // process, hence the range of the limit: something has to be left for others, such as the timers.
  private struct State {
    /// Those that were made and have nothing to do. The one that was busy last is taken first, as
    /// it is the likeliest to still have its thread.
    var idle: [DispatchQueue] = []
    var made = 0
    var jobs = NumberedQueue<UnownedJob>()
  }

  private let state = Guarded(State())

  /// Makes an executor. No thread is made until a job comes.
  ///
  /// - Parameter limit: how many jobs run at once: 1 to 200.
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when it is out of range.
  public convenience init(limit: Int) throws(HoldfastError) {
    guard (1...200).contains(limit) else {
      throw HoldfastError(invalidArgument: "limit is \(limit); it must be 1 to 200")
    }
    self.init(checkedLimit: limit)
  }

  private init(checkedLimit limit: Int) { self.limit = limit }

  /// The figures now.
  ///
  /// - Complexity: O(1).
  public var figures: Figures {
    state.withLock { state in
      Figures(busy: state.made - state.idle.count, waiting: state.jobs.count)
    }
  }

  /// For pipelines, which can refuse a call where an executor has to take every job: so what hangs on
  /// all threads does not let calls pile up behind it.
  func refuseIfFull() throws(BulkheadFullError) {
    let waiting = state.withLock { $0.jobs.count }
    guard waiting < BlockingThreads.mostWaiting else {
      throw BulkheadFullError(bulkhead: "blocking threads", limit: limit, waiting: waiting)
    }
  }

  private static let mostWaiting = 10_000

  /// How many threads there have been at once, at most.
  var made: Int { state.withLock { $0.made } }

  /// Runs a job on a thread, now or when one is free. The concurrency runtime calls this.
  ///
  /// - Complexity: O(1).
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let thread = state.withLock { state -> DispatchQueue? in
      if let thread = state.idle.popLast() { return thread }
      guard state.made < limit else {
        state.jobs.append(job)
        return nil
      }
      state.made += 1
      return DispatchQueue(label: "holdfast.blocking-\(state.made)")
    }
    if let thread { thread.async { self.run(job, on: thread) } }
  }

  /// Runs a job, and then those that wait.
  private func run(_ job: UnownedJob, on thread: DispatchQueue) {
    var next: UnownedJob? = job
    while let job = next {
      unsafe job.runSynchronously(on: asUnownedTaskExecutor())
      next = state.withLock { state in
        let job = state.jobs.popFirst()
        if job == nil { state.idle.append(thread) }
        return job
      }
    }
  }
}
