import Foundation

/// An authority, and what it signed: a server's certificate for localhost and 127.0.0.1, one for
/// another name, a client's. Made by the openssl program, in a folder that goes with the last
/// reference.
final class Certificates: Sendable {
  let folder: TemporaryFolder

  var authority: String { folder.file("authority.pem") }
  /// One that signed nothing here.
  var otherAuthority: String { folder.file("stranger.pem") }

  func certificate(_ name: String) -> String { folder.file(name + ".pem") }
  func key(_ name: String) -> String { folder.file(name + ".key") }

  init() throws {
    folder = try TemporaryFolder()
    for authority in ["authority", "stranger"] {
      try openssl(
        ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=Test \(authority)"]
          + newKey(authority) + ["-out", folder.file(authority + ".pem")])
    }
    try sign("server", names: "DNS:localhost,IP:127.0.0.1")
    try sign("elsewhere", names: "DNS:elsewhere.example")
    try sign("client", names: "DNS:client.example")
  }

  private func newKey(_ name: String) -> [String] {
    ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", key(name)]
  }

  private func sign(_ name: String, names: String) throws {
    try folder.write("subjectAltName=\(names)\n", to: name + ".ext")
    try openssl(
      ["req", "-nodes", "-subj", "/CN=Test \(name)"] + newKey(name)
        + ["-out", folder.file(name + ".csr")])
    try openssl([
      "x509", "-req", "-days", "2", "-in", folder.file(name + ".csr"), "-CA", authority,
      "-CAkey", key("authority"), "-CAcreateserial", "-extfile", folder.file(name + ".ext"),
      "-out", certificate(name),
    ])
  }

  private func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw FixtureFailure("openssl \(arguments.joined(separator: " ")) failed")
    }
  }
}
