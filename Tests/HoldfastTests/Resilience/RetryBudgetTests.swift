import Synchronization
import Testing

@testable import Holdfast

/// What pays for retries. The core's own tests count it through; here it is that Swift asks for the same.
@Suite struct RetryBudgetTests {
  private let clock = ManualClock(at: .seconds(1000))

  @Test func `five successes pay for a retry, and ten come in each second`() throws {
    let budget = try RetryBudget(clock: clock)
    #expect(budget.available == 20)
    #expect((0..<25).count { _ in budget.take() } == 20)
    clock.advance(by: .milliseconds(99))
    #expect(!budget.take())
    clock.advance(by: .milliseconds(1))
    #expect(budget.take())
    #expect(!budget.take())
    for _ in 0..<5 { budget.succeeded() }
    #expect(budget.available == 1)
    #expect(budget.take())
    #expect(!budget.take())
    clock.advance(by: .seconds(3600))
    #expect(budget.available == 10)
  }

  @Test func `every option counts`() throws {
    let budget = try RetryBudget(
      .init(successPercent: 150, floorPerSecond: 2, mostSaved: 4, reserve: 3), clock: clock)
    #expect(budget.available == 5)
    budget.succeeded()
    #expect(budget.available == 6)
    #expect((0..<9).count { _ in budget.take() } == 6)
    clock.advance(by: .milliseconds(500))
    #expect(budget.available == 1)
    budget.reset()
    #expect(budget.available == 5)
  }

  @Test func `without a clock of one's own it counts as well`() throws {
    let budget = try RetryBudget(.init(successPercent: 100, floorPerSecond: 0, reserve: 0))
    #expect(!budget.take())
    budget.succeeded()
    #expect(budget.take())
    #expect(!budget.take())
  }

  @Test(arguments: [
    (RetryBudget.Options(successPercent: 1001), "successPercent is 1001; it may be 0 to 1000"),
    (RetryBudget.Options(successPercent: -1), "successPercent is -1, which is out of range"),
    (
      RetryBudget.Options(floorPerSecond: 1_000_001),
      "floorPerSecond is 1000001; it may be 0 to 1000000"
    ),
    (RetryBudget.Options(mostSaved: 0, reserve: 0), "mostSaved is 0; it may be 1 to 1000000"),
    (RetryBudget.Options(mostSaved: .max), "mostSaved is \(Int.max), which is out of range"),
    (RetryBudget.Options(mostSaved: 5, reserve: 6), "reserve is 6; it may be 0 to 5"),
  ])
  func `what is out of range is refused by its name`(
    options: RetryBudget.Options, message: String
  ) {
    let error = #expect(throws: HoldfastError.self) { try RetryBudget(options) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == message)
  }

  @Test func `tasks together get no more than successes paid`() async throws {
    let budget = try RetryBudget(
      .init(successPercent: 20, floorPerSecond: 0, mostSaved: 1_000_000, reserve: 10), clock: clock)
    let taken = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var taken = 0
          for _ in 0..<2000 {
            budget.succeeded()
            if budget.take() { taken += 1 }
          }
          return taken
        }
      }
      return await group.reduce(0, +)
    }
    #expect(taken <= 8 * 2000 / 5 + 10)
    #expect(taken + budget.available == 8 * 2000 / 5 + 10)
  }
}
