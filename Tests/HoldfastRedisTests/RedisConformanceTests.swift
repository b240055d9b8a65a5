import Holdfast
import HoldfastRedis
import HoldfastStorageConformance
import Testing

extension RedisTests {
  /// What every storage must answer, over every way to a server.
  @Suite struct Conformance {
    enum Way: String, CaseIterable, CustomTestStringConvertible {
      case plain, unix, tls, password, user, prefixed
      var testDescription: String { rawValue }
    }

    @Test(arguments: Way.allCases)
    func `conforms`(_ way: Way) async throws {
      var options = RedisServer.Options()
      if way == .tls { options.certificates = try await blocking { try Certificates() } }
      if way == .password { options.password = "open sesame" }
      if way == .user { options.user = ("ann", "an.other") }
      try await RedisServer.run(options) { server in
        var given = try RedisOptions(url: "redis://127.0.0.1:\(server.port)")
        given.password = options.user?.password ?? options.password
        given.user = options.user?.name
        switch way {
        case .tls:
          given.address = .tls(host: "127.0.0.1", port: Int(server.port))
          given.tls.authoritiesPath = options.certificates?.authority
        case .unix: given.address = .unix(path: server.socketPath)
        case .user: given.database = 3
        default: break
        }
        try await Self.run(given, isPrefixed: way == .prefixed)
      }
    }

    private static func run(_ options: RedisOptions, isPrefixed: Bool) async throws {
      // A few at a time: most of them wait for something to expire.
      await withTaskGroup(of: Void.self) { group in
        for (index, test) in StorageConformance.cases.enumerated() {
          if index >= 8 { await group.next() }
          group.addTask {
            let storage = RedisStorage(options)
            let used: any Storage = isPrefixed ? storage.prefixed("app:") : storage
            do {
              try await test.run(on: used) { try await Task.sleep(for: $0 + .milliseconds(20)) }
            } catch {
              Issue.record("\(test.name): \(error)")
            }
            await storage.close()
          }
        }
      }
      print(
        "conformance: storage over redis (\(options.description)): \(StorageConformance.cases.count) cases"
      )
    }

    @Test func `patterns match what the server's own do`() async throws {
      try await RedisServer.run { server in
        var random = SplitMix64(state: 7)
        let signs = Array("ab-^[]*?\\é")
        func text(_ most: Int) -> String {
          String(
            (0..<Int.random(in: 0...most, using: &random)).map { _ in
              signs[Int.random(in: 0..<signs.count, using: &random)]
            })
        }
        var keys: Set<String> = ["", "a", "ab", "-", "]"]
        while keys.count < 300 { keys.insert(text(5)) }
        let memory = MemoryStorage()
        let redis = RedisStorage(try server.clientOptions())
        for key in keys {
          try await memory.set(key, to: [], expire: nil)
          try await redis.set(key, to: [], expire: nil)
        }
        var matched = 0
        for _ in 0..<1_000 {
          let pattern = text(7)
          guard case .array(let found) = try await server.ask("KEYS", pattern) else {
            Issue.record("no keys")
            return
          }
          let right = Set(found.compactMap(\.text))
          matched += right.count
          #expect(try await Self.keys(memory, pattern) == right, "memory: \(pattern)")
          #expect(try await Self.keys(redis, pattern) == right, "redis: \(pattern)")
        }
        await redis.close()
        print("conformance: storage patterns: 1000 patterns on 300 keys, \(matched) matches")
        #expect(matched > 1_000)
      }
    }

    private static func keys(_ storage: some Storage, _ glob: String) async throws -> Set<String> {
      var keys: Set<String> = []
      for try await key in storage.scan(StoragePattern(glob: glob)) {
        #expect(keys.insert(key).inserted, "\(key) came twice")
      }
      return keys
    }
  }
}
