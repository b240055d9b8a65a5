import Holdfast

struct ConnectionLost: TransientError { let isTransient = true }

/// Fails twice, as services do.
actor Shop {
  var calls = 0
  func price() throws -> Int {
    calls += 1
    if calls < 3 { throw ConnectionLost() }
    return 42
  }
}

let shop = Shop()
let prices = try Resilience.api("prices") {
  $0.baseDelay = .milliseconds(1)
  $0.timeout = .seconds(2)
}
print(try await prices.run { try await shop.price() })  // prints: 42
print(await shop.calls)  // prints: 3

let none = try await prices.run {
  throw ConnectionLost()
} fallback: { error in
  (error as? RetryExhaustedError)?.attempts.count ?? 0
}
print(none)  // prints: 5
