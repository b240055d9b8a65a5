import Foundation
import RedisBenchNative

/// What `redis-benchmark`, the server's own, reaches on one connection.
struct RedisBenchmark {
  let socket: String

  /// The one key that it uses, as it is called.
  static let key = "key:__rand_int__"

  /// A command's cost, 64 of them under way, with values of 100 bytes; of the tests named, the mean.
  /// The time is as it says itself; that of the processor has its start and its end in it.
  func cost(_ tests: String, commands: Int) throws -> Cost {
    let busy = bench_children_processor_ns()
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "redis-benchmark", "-s", socket, "-P", "64", "-c", "1", "-d", "100", "-t", tests,
      "-n", String(commands), "--csv",
    ]
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    // "test","rps","avg_latency_ms",… and then a line a test.
    let rates = text.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: ",")
      return fields.count > 1
        ? Double(fields[1].trimmingCharacters(in: CharacterSet(charactersIn: "\""))) : nil
    }
    let wanted = tests.split(separator: ",").count
    guard rates.count == wanted, rates.allSatisfy({ $0 > 0 }) else {
      throw Failed("redis-benchmark said: \(text)")
    }
    return Cost(
      time: rates.map { 1e9 / $0 }.reduce(0, +) / Double(wanted),
      processor: Double(bench_children_processor_ns() - busy) / Double(commands * wanted))
  }
}

/// Why there is nothing to measure.
struct Failed: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
