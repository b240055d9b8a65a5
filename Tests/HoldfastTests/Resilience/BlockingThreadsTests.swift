import Dispatch
import Synchronization
import Testing

@testable import Holdfast

@Suite(.timeLimit(.minutes(5))) struct BlockingThreadsTests {
  /// Blocks threads until it is opened.
  private final class Barrier: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let count = Atomic(0)

    /// How many are, or were, blocked.
    var blocked: Int { count.load(ordering: .acquiring) }

    func block() {
      count.add(1, ordering: .acquiringAndReleasing)
      semaphore.wait()
    }

    func open(_ times: Int = 1) {
      for _ in 0..<times { semaphore.signal() }
    }

    /// Until so many are blocked: other threads bring that about.
    func whenBlocked(_ number: Int) async {
      while blocked < number { await Task.yield() }
    }
  }

  /// Numbers in the order in which they came.
  private final class Order: Sendable {
    private let numbers = Guarded<[Int]>([])
    func note(_ number: Int) { numbers.withLock { $0.append(number) } }
    var noted: [Int] { numbers.withLock { $0 } }
  }

  /// Until nothing is left: a thread is given back a moment after the task that it ran has ended.
  private func idle(_ threads: BlockingThreads) async {
    while threads.figures.busy > 0 { await Task.yield() }
  }

  @Test func `sixty-four that block keep no other task from running`() async throws {
    let threads = BlockingThreads.shared
    #expect(threads.limit == 64)
    let barrier = Barrier()
    let blocked = (0..<64).map { _ in
      Task(executorPreference: threads) { barrier.block() }
    }
    await barrier.whenBlocked(64)
    // All of them are at it, and this runs.
    let others = (0..<100).map { number in Task { number } }
    var sum = 0
    for other in others { sum += await other.value }
    #expect(sum == 4950)
    #expect(barrier.blocked == 64)
    barrier.open(64)
    for task in blocked { await task.value }
  }

  @Test func `no more run at once than may, and the others come in their order`() async throws {
    let threads = try BlockingThreads(limit: 3)
    let barrier = Barrier()
    let order = Order()
    let first = (0..<3).map { _ in
      Task(executorPreference: threads) { barrier.block() }
    }
    await barrier.whenBlocked(3)
    let later = (0..<20).map { number in
      // Whatever its priority.
      Task(executorPreference: threads, priority: number % 2 == 0 ? .low : .high) {
        order.note(number)
      }
    }
    // A task is given to its executor as it is made.
    #expect(threads.figures == BlockingThreads.Figures(busy: 3, waiting: 20))
    #expect(order.noted.isEmpty)
    // One thread goes on, and does all that waits.
    barrier.open()
    for task in later { await task.value }
    #expect(order.noted == Array(0..<20))
    #expect(threads.figures.busy >= 2)
    #expect(barrier.blocked == 3)
    barrier.open(2)
    for task in first { await task.value }
    await idle(threads)
    #expect(threads.figures == BlockingThreads.Figures(busy: 0, waiting: 0))
  }

  @Test func `threads are made as they are needed, and used again`() async throws {
    let threads = try BlockingThreads(limit: 100)
    #expect(threads.made == 0)
    for _ in 0..<50 {
      await Task(executorPreference: threads) {}.value
      await idle(threads)
    }
    #expect(threads.made == 1)
  }

  @Test func `a closure that blocks sees that its task is cancelled`() async throws {
    let threads = try BlockingThreads(limit: 1)
    let barrier = Barrier()
    let task = Task(executorPreference: threads) {
      let before = Task.isCancelled
      barrier.block()
      return [before, Task.isCancelled]
    }
    await barrier.whenBlocked(1)
    task.cancel()
    barrier.open()
    #expect(await task.value == [false, true])
  }

  @TaskLocal private static var request = 0

  @Test func `task-local values are there`() async throws {
    let threads = try BlockingThreads(limit: 1)
    let seen = await Self.$request.withValue(7) {
      await Task(executorPreference: threads) { Self.request }.value
    }
    #expect(seen == 7)
  }

  @Test func `a task comes back after it waited, behind those that came meanwhile`() async throws {
    let threads = try BlockingThreads(limit: 1)
    let order = Order()
    let gate = Gate()
    let barrier = Barrier()
    let waits = Task(executorPreference: threads) {
      order.note(1)
      await gate.pass()
      order.note(4)
    }
    let blocks = Task(executorPreference: threads) {
      order.note(2)
      barrier.block()
    }
    await barrier.whenBlocked(1)
    let next = Task(executorPreference: threads) { order.note(3) }
    gate.open()
    barrier.open()
    for task in [waits, blocks, next] { await task.value }
    #expect(order.noted == [1, 2, 3, 4])
  }

  @Test func `thousands of jobs run, each once, never more at once than may`() async throws {
    let threads = try BlockingThreads(limit: 4)
    let counts = Order()
    let most = Order()
    await withTaskGroup { group in
      for number in 0..<3000 {
        group.addTask(executorPreference: threads) {
          most.note(threads.figures.busy)
          counts.note(number)
          if number % 3 == 0 { await Task.yield() }
        }
      }
    }
    #expect(counts.noted.sorted() == Array(0..<3000))
    #expect(most.noted.max() ?? 0 <= 4)
    #expect(threads.made <= 4)
    await idle(threads)
    #expect(threads.figures.waiting == 0)
  }

  @Test(arguments: [0, -1, 201]) func `a limit out of range is refused`(limit: Int) throws {
    let error = #expect(throws: HoldfastError.self) { try BlockingThreads(limit: limit) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == "limit is \(limit); it must be 1 to 200")
  }

  @Test func `the ends of the range are accepted`() throws {
    #expect(try BlockingThreads(limit: 1).limit == 1)
    #expect(try BlockingThreads(limit: 200).limit == 200)
  }
}
