import Foundation
import Holdfast
import HoldfastRedis
import Testing

extension RedisTests {
  @Suite struct TLS {
    private func certificates() async throws -> Certificates {
      try await blocking { try Certificates() }
    }

    @Test func `an address and a name are verified against the authority`() async throws {
      let certificates = try await certificates()
      try await RedisServer.run(RedisServer.Options(certificates: certificates)) { server in
        for host in ["127.0.0.1", "localhost"] {
          try await server.withClient({ $0.address = .tls(host: host, port: Int(server.port)) }) {
            let reply = try await $0.send(.ping())
            #expect(reply == .simple("PONG"))
          }
        }
      }
    }

    @Test func `an authority that did not sign it is an error`() async throws {
      let certificates = try await certificates()
      try await RedisServer.run(RedisServer.Options(certificates: certificates)) { server in
        for authority in [certificates.otherAuthority, nil] {
          try await server.withClient({ $0.tls.authoritiesPath = authority }) { client in
            try await isNotConnected(client, "certificate")
          }
        }
      }
    }

    @Test func `another host's certificate is an error`() async throws {
      let certificates = try await certificates()
      let options = RedisServer.Options(certificates: certificates, certificate: "elsewhere")
      try await RedisServer.run(options) { server in
        for host in ["127.0.0.1", "localhost"] {
          try await server.withClient({ $0.address = .tls(host: host, port: Int(server.port)) }) {
            try await isNotConnected($0, "certificate")
          }
        }
        // Unless that is who is meant.
        try await server.withClient({ $0.tls.serverName = "elsewhere.example" }) { client in
          let reply = try await client.send(.ping())
          #expect(reply == .simple("PONG"))
        }
        try await server.withClient({ $0.tls.isVerified = false }) { client in
          let reply = try await client.send(.ping())
          #expect(reply == .simple("PONG"))
        }
      }
    }

    @Test func `a server that wants the client's certificate gets it`() async throws {
      let certificates = try await certificates()
      let options = RedisServer.Options(
        certificates: certificates, requiresClientCertificate: true)
      try await RedisServer.run(options) { server in
        try await server.withClient { client in
          let failed = try await failure { _ = try await client.send(.ping()) }
          #expect(failed != nil)
        }
        try await server.withClient({
          $0.tls.certificatePath = certificates.certificate("client")
          $0.tls.keyPath = certificates.key("client")
        }) { client in
          let reply = try await client.send(.ping())
          #expect(reply == .simple("PONG"))
        }
      }
    }

    @Test func `a plain server behind rediss is an error`() async throws {
      try await RedisServer.run { server in
        try await server.withClient({
          $0.address = .tls(host: "127.0.0.1", port: Int(server.port))
          $0.connectTimeout = .milliseconds(500)
        }) { client in
          let failed = try await failure { _ = try await client.send(.ping()) }
          #expect(
            [.notConnected, .timedOut].contains(failed?.code), "\(String(describing: failed))")
          #expect(failed?.outcome == .notDone)
        }
      }
    }

    @Test func `a TLS server behind redis is an error`() async throws {
      let certificates = try await certificates()
      try await RedisServer.run(RedisServer.Options(certificates: certificates)) { server in
        try await server.withClient({
          $0.address = .tcp(host: "127.0.0.1", port: Int(server.port))
          $0.timeout = .milliseconds(500)
        }) { client in
          let failed = try await failure { _ = try await client.send(.ping()) }
          #expect(failed != nil)
        }
      }
    }

    @Test func `large values and many commands come through`() async throws {
      let certificates = try await certificates()
      try await RedisServer.run(RedisServer.Options(certificates: certificates)) { server in
        try await server.withClient { client in
          let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
          _ = try await client.send(.set("large", to: large))
          #expect(try await client.send(.get("large")) == .string(large))
          try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<64 {
              group.addTask {
                for round in 0..<20 {
                  let value = Array("\(n) \(round)".utf8)
                  _ = try await client.send(.set("k\(n)", to: value))
                  #expect(try await client.send(.get("k\(n)")) == .string(value))
                }
              }
            }
            try await group.waitForAll()
          }
          #expect(client.figures.connections == 1)
        }
      }
    }

    private func isNotConnected(_ client: RedisClient, _ word: String) async throws {
      let failed = try await failure { _ = try await client.send(.ping()) }
      #expect(failed?.code == .notConnected)
      #expect(failed?.outcome == .notDone)
      #expect(failed?.message.contains(word) == true, "\(String(describing: failed))")
    }
  }
}
