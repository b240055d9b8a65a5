import Foundation
import RedisBenchNative

/// What a command took, in ns.
struct Cost {
  /// On the clock: the server and more than one thread of the client take part.
  var time: Double
  /// Of the processor, by the client alone.
  var processor: Double

  /// Of work that this process does.
  static func of(_ commands: Int, _ work: () async throws -> Void) async throws -> Cost {
    let busy = bench_processor_ns()
    let start = ContinuousClock.now
    try await work()
    return Cost(
      time: (ContinuousClock.now - start) / .nanoseconds(1) / Double(commands),
      processor: Double(bench_processor_ns() - busy) / Double(commands))
  }
}

/// A row and its reference, timed in turns, and printed as `bench_harness.h` says.
struct Rounds {
  let name: String
  let reference: String
  let run: () async throws -> Cost
  let runReference: () async throws -> Cost

  /// Prints the row, and returns what there is to say of it.
  func measure(_ count: Int) async throws -> String {
    var own: [Cost] = []
    var others: [Cost] = []
    _ = try await run()
    _ = try await runReference()
    for _ in 0..<count {
      own.append(try await run())
      others.append(try await runReference())
    }
    let times = own.map(\.time)
    let ratios = zip(own, others).map { $0.time / $1.time }
    let fields = [
      "row", name, "ns", format(times.min() ?? 0), format(median(times)), format(times.max() ?? 0),
      reference, format(median(ratios)), format(noise(ratios)),
    ]
    print(fields.joined(separator: "\t"))
    return String(
      format: "%@: %.2f times the rate of %@; processor time a command: %.0f ns, theirs %.0f ns",
      name, 1 / median(ratios), reference, median(own.map(\.processor)),
      median(others.map(\.processor)))
  }
}

private func format(_ number: Double) -> String {
  String(format: number < 1000 ? "%.4g" : "%.0f", number)
}

private func median(_ numbers: [Double]) -> Double { numbers.sorted()[numbers.count / 2] }

/// Half of what the middle half of the rounds spans, beside the median.
private func noise(_ ratios: [Double]) -> Double {
  let sorted = ratios.sorted()
  return (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / 2 / median(ratios)
}
