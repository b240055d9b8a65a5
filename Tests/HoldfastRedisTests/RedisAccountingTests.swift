import Foundation
import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  /// What becomes of every single write while the server is killed, the connection is cut and the
  /// server stands still, over and over.
  @Suite struct Accounting {
    @Test(.timeLimit(.minutes(4)))
    func `every write is acknowledged and there, or failed and absent, or unknown`() async throws {
      try await RedisServer.run(RedisServer.Options(isDurable: true)) { server in
        try await FaultProxy.run(before: server) { proxy in
          var options = try RedisOptions(url: proxy.url)
          options.timeout = .milliseconds(250)
          options.retryDelay = .milliseconds(2)
          options.attempts = 4
          let client = RedisClient(options)
          let ledger = Ledger()
          var injector = Injector(server: server, proxy: proxy, seed: 20_260_707)
          try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<256 {
              group.addTask {
                while let number = ledger.next() { await ledger.write(number, by: client) }
              }
            }
            while !ledger.isComplete {
              let goal = ledger.settled + injector.writesBetweenFaults
              try await eventually("writes go on", within: .seconds(60)) {
                ledger.settled >= goal || ledger.isComplete
              }
              if !ledger.isComplete { try await injector.strike() }
            }
            try await group.waitForAll()
          }
          let figures = client.figures
          await client.close()
          let found = try await ledger.audit(server)
          print(
            "accounting: \(Ledger.most) writes, \(found.acknowledged) acknowledged,"
              + " \(found.failed) failed, \(found.unknown) unknown"
              + " (\(found.unknownAndDone) of them done);"
              + " \(injector.kills) kills, \(injector.cuts) cuts, \(injector.pauses) pauses;"
              + " \(figures.connections) connections, \(figures.retries) retries,"
              + " \(figures.lateReplies) late replies")
          #expect(found.acknowledged > Ledger.most / 2)
          // All three ends were met, and every fault.
          #expect(found.failed > 0 && found.unknown > 0)
          #expect(injector.kills > 0 && injector.cuts > 0 && injector.pauses > 0)
        }
      }
    }
  }
}

/// Numbered writes, and what was said of each.
private final class Ledger: Sendable {
  static let most = 100_000
  private static let lists = 64

  enum Verdict: Sendable {
    case acknowledged, unknown
    /// What it failed with.
    case failed(StorageError)
  }

  /// How a number is written down. Two of three kinds show how often they were done.
  enum Kind: Int {
    /// `SET set:N N`, which may be done twice.
    case set
    /// `INCRBY sum:N 1`.
    case sum
    /// `RPUSH list:L N`.
    case list
    init(of number: Int) { self = Kind(rawValue: number % 3) ?? .set }
  }

  struct Totals {
    var acknowledged = 0
    var failed = 0
    var unknown = 0
    var unknownAndDone = 0
  }

  private struct State {
    var issued = 0
    var settled = 0
    var verdicts = [Verdict?](repeating: nil, count: Ledger.most)
  }
  private let state = Guarded(State())

  var settled: Int { state.withLock { $0.settled } }
  var isComplete: Bool { settled == Self.most }

  /// A number that nobody has written yet.
  func next() -> Int? {
    state.withLock { state in
      guard state.issued < Self.most else { return nil }
      defer { state.issued += 1 }
      return state.issued
    }
  }

  func write(_ number: Int, by client: RedisClient) async {
    let command: RedisCommand
    let right: RedisReply?
    switch Kind(of: number) {
    case .set:
      command = .set("set:\(number)", to: Array("\(number)".utf8))
      right = .simple("OK")
    case .sum:
      command = .increment("sum:\(number)")
      right = .integer(1)
    case .list:
      command = RedisCommand("RPUSH", .text("list:\(number % Self.lists)"), .text("\(number)"))
      right = nil
    }
    let verdict: Verdict
    do {
      let reply = try await client.send(command)
      verdict = .acknowledged
      if let right { #expect(reply == right, "\(number)") } else { #expect(reply.integer != nil) }
    } catch {
      verdict = error.outcome == .notDone ? .failed(error) : .unknown
      let expected: [StorageError.Code] = [.notConnected, .timedOut, .connectionLost]
      #expect(expected.contains(error.code), "\(number): \(error)")
    }
    state.withLock { state in
      state.verdicts[number] = verdict
      state.settled += 1
    }
  }

  /// Compares what was said with what the server has.
  func audit(_ server: RedisServer) async throws -> Totals {
    let done = try await times(server)
    let verdicts = state.withLock { $0.verdicts }
    var totals = Totals()
    var faults = 0
    func complain(_ number: Int, _ what: String) {
      faults += 1
      if faults <= 20 { Issue.record("write \(number) (\(Kind(of: number))): \(what)") }
    }
    for (number, verdict) in verdicts.enumerated() {
      switch verdict {
      case .acknowledged:
        totals.acknowledged += 1
        if done[number] == 0 { complain(number, "acknowledged and absent") }
      case .failed(let error):
        totals.failed += 1
        if done[number] > 0 { complain(number, "reported as not done, and there: \(error)") }
      case .unknown:
        totals.unknown += 1
        if done[number] > 0 { totals.unknownAndDone += 1 }
      case nil: complain(number, "nothing was said of it")
      }
      // An unknown one may be done or not; nobody has sent it again.
      if done[number] > 1 { complain(number, "done \(done[number]) times") }
    }
    #expect(faults == 0)
    return totals
  }

  /// How often each number was written; a set that is there counts once.
  private func times(_ server: RedisServer) async throws -> [Int] {
    var done = [Int](repeating: 0, count: Self.most)
    for start in stride(from: 0, to: Self.most, by: 5_000) {
      let numbers = (start..<min(start + 5_000, Self.most)).filter { Kind(of: $0) != .list }
      let replies = try await server.ask(
        numbers.map { ["GET", (Kind(of: $0) == .set ? "set:" : "sum:") + "\($0)"] })
      for (number, reply) in zip(numbers, replies) where reply != .null {
        switch Kind(of: number) {
        case .set:
          #expect(reply.text == "\(number)")
          done[number] = 1
        default: done[number] = Int(reply.text ?? "") ?? 0
        }
      }
    }
    for list in 0..<Self.lists {
      guard case .array(let entries) = try await server.ask("LRANGE", "list:\(list)", "0", "-1")
      else { continue }
      for entry in entries {
        let number = Int(entry.text ?? "") ?? -1
        guard done.indices.contains(number) else {
          Issue.record("list:\(list) has \(entry)")
          continue
        }
        done[number] += 1
      }
    }
    return done
  }
}

/// Brings about faults in turn; how long and where follows from a seed.
private struct Injector {
  let server: RedisServer
  let proxy: FaultProxy
  private var random: SplitMix64
  private(set) var kills = 0
  private(set) var cuts = 0
  private(set) var pauses = 0

  init(server: RedisServer, proxy: FaultProxy, seed: UInt64) {
    self.server = server
    self.proxy = proxy
    random = SplitMix64(state: seed)
  }

  /// How many writes come to an end before the next fault.
  let writesBetweenFaults = isUnderThreadSanitizer ? 6_000 : 1_000

  mutating func strike() async throws {
    switch (kills + cuts + pauses) % 4 {
    case 0:
      kills += 1
      try await server.kill()
      try await server.restart()
    case 1:
      pauses += 1
      try await server.pause()
      // Long enough for some to time out, or not.
      try await Task.sleep(for: .milliseconds(random.next() % 2 == 0 ? 20 : 400))
      try await server.resume()
    case 2:
      cuts += 1
      proxy.cut()
    default:
      cuts += 1
      proxy.set(.cut(after: Int(random.next() % 500)))
    }
  }
}

/// Steele, Lea and Flood's generator: all that is drawn follows from the seed.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
