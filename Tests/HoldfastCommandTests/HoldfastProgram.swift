import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The built program, run as a process of its own.
enum HoldfastProgram {
  /// What a finished process left.
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String

    var outputLines: [String] {
      output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Beside the test program, which is where the build puts it.
  static let path: String = {
    let own =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: own).deletingLastPathComponent()
      .appendingPathComponent("holdfast").path
  }()

  /// The top of the checkout.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// Runs to the end.
  static func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> Outcome {
    try run(arguments, input: Data(input.utf8), environment: environment)
  }

  static func run(
    _ arguments: [String], input: Data, environment: [String: String] = [:]
  ) throws -> Outcome {
    let folder = try TemporaryFolder()
    let running = try start(
      arguments, input: folder.write(input, to: "input"), environment: environment)
    return try running.finish()
  }

  /// Starts it, with a file for input, or a pipe that stays open.
  static func start(
    _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
  ) throws -> Running {
    try Running(arguments, input: input, environment: environment)
  }

  /// A process that runs beside the test.
  final class Running {
    let process = Process()
    let input = Pipe()
    let output = Pipe()
    private let folder: TemporaryFolder
    private let errorsPath: String
    private var unread = Data()

    fileprivate init(_ arguments: [String], input path: String?, environment: [String: String])
      throws
    {
      folder = try TemporaryFolder()
      errorsPath = try folder.write(Data(), to: "errors")
      guard let errors = FileHandle(forWritingAtPath: errorsPath) else {
        throw Failure(description: "cannot open \(errorsPath)")
      }
      process.executableURL = URL(fileURLWithPath: HoldfastProgram.path)
      process.arguments = arguments
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardOutput = output
      process.standardError = errors
      if let path {
        process.standardInput = FileHandle(forReadingAtPath: path)
      } else {
        process.standardInput = input
      }
      try process.run()
      // A program that hangs fails its test instead of holding it up for ever.
      let watchdog = DispatchWorkItem { [weak process] in
        if let process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
      }
      DispatchQueue.global().asyncAfter(deadline: .now() + 60, execute: watchdog)
      try errors.close()
      try output.fileHandleForWriting.close()
    }

    /// The next line of the output, without its end; waits for it.
    func line() throws -> String {
      while true {
        if let end = unread.firstIndex(of: 0x0A) {
          let line = String(decoding: unread[..<end], as: UTF8.self)
          unread = Data(unread[(end + 1)...])
          return line
        }
        let more = output.fileHandleForReading.availableData
        if more.isEmpty { throw Failure(description: "the output ended; errors: \(errors)") }
        unread += more
      }
    }

    func write(_ text: String) throws {
      try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    }

    func closeInput() throws { try input.fileHandleForWriting.close() }

    func closeOutput() throws { try output.fileHandleForReading.close() }

    func interrupt(with signal: Int32 = SIGINT) { kill(process.processIdentifier, signal) }

    /// What it has said on standard error so far.
    var errors: String { (try? String(contentsOfFile: errorsPath, encoding: .utf8)) ?? "" }

    /// Waits for its end.
    func finish() throws -> Outcome {
      let rest = (try? output.fileHandleForReading.readToEnd() ?? Data()) ?? Data()
      process.waitUntilExit()
      // As a shell reports a process that a signal ended.
      let ended = process.terminationReason == .uncaughtSignal
      return Outcome(
        status: process.terminationStatus + (ended ? 128 : 0),
        output: String(decoding: unread + rest, as: UTF8.self), errors: errors)
    }
  }
}

/// A folder that goes when its owner does.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/holdfast-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try write(Data(text.utf8), to: name)
  }

  @discardableResult
  func write(_ data: Data, to name: String) throws -> String {
    let url = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
    return url.path
  }
}

/// One row of JSON, as far as the tests look into it.
func decodedRow(_ line: String) throws -> [String: Any] {
  guard let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
    throw HoldfastProgram.Failure(description: "not an object: \(line)")
  }
  return row
}
