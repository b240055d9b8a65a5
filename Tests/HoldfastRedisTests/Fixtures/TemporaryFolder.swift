import Foundation

/// A folder that goes when its owner does. Its path is short, because that of a Unix socket must be.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = "/tmp/holdfast-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
  }

  deinit { remove() }

  /// Removes it now: for a process that ends before its owners do.
  func remove() { try? FileManager.default.removeItem(atPath: path) }

  /// The path of something in it.
  func file(_ name: String) -> String { path + "/" + name }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
  }

  func text(of name: String) -> String {
    (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? ""
  }
}
