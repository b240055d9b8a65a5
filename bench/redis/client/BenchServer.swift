import Foundation

/// A redis-server of this program's own, on a Unix socket in a directory of its own.
final class BenchServer {
  let socket: String
  private let directory: URL
  private let process = Process()

  init() throws {
    directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("holdfast-bench-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    socket = directory.appendingPathComponent("socket").path
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
      "--daemonize", "no", "--dir", directory.path,
    ]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: directory)
  }
}
