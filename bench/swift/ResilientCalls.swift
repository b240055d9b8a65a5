import Holdfast

/// Calls that go well, through all stages of the preset `api`, through what one would write without a
/// library, and as they are.
final class ResilientCalls: Sendable {
  private let pipeline: ResiliencePipeline
  private let peer = TaskGroupPeer()
  private let thread = CallingThread()
  static let operations = 1 << 10

  init() throws {
    pipeline = try Resilience().api("benchmark")
  }

  func throughPipeline() throws -> UInt64 {
    try thread.run { [pipeline] in
      var sum: UInt64 = 0
      for operation in 0..<UInt64(ResilientCalls.operations) {
        sum &+= try await pipeline.run { try await answer(operation) }
      }
      return sum
    }
  }

  func throughPeer() throws -> UInt64 {
    try thread.run { [peer] in
      var sum: UInt64 = 0
      for operation in 0..<UInt64(ResilientCalls.operations) {
        sum &+= try await peer.run { try await answer(operation) }
      }
      return sum
    }
  }

  func bare() throws -> UInt64 {
    try thread.run {
      var sum: UInt64 = 0
      for operation in 0..<UInt64(ResilientCalls.operations) {
        sum &+= try await straight { try await answer(operation) }
      }
      return sum
    }
  }
}

/// The service. It knows the answer, so that nothing but the way there is measured.
@inline(never) private func answer(_ operation: UInt64) async throws -> UInt64 { operation ^ 0x55 }

@inline(never) private func straight(
  _ body: @escaping @Sendable () async throws -> UInt64
) async throws -> UInt64 { try await body() }
