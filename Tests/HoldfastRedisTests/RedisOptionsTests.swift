import Holdfast
import Testing

@testable import HoldfastRedis

@Suite struct RedisOptionsTests {
  @Test func `the defaults are as documented`() throws {
    let options = try RedisOptions()
    #expect(options.address == .tcp(host: "localhost", port: 6379))
    #expect(options.user == nil)
    #expect(options.password == nil)
    #expect(options.database == 0)
    #expect(options.clientName == nil)
    #expect(options.tls == RedisTLS())
    #expect(options.tls.isVerified)
    #expect(options.timeout == .seconds(5))
    #expect(options.attempts == 3)
    #expect(options.retryDelay == .milliseconds(500))
    #expect(options.connectTimeout == .seconds(5))
    #expect(options.mostWaiting == 65_536)
    #expect(options.mostWaitingBytes == 67_108_864)
    #expect(options.mostReplyBytes == 67_108_864)
    #expect(options.dedicatedConnections == 16)
    #expect(try options == RedisOptions(config: [:]))
  }

  @Test func `a configuration has four names`() throws {
    let options = try RedisOptions(config: [
      "redis_url": "rediss://u:p@h:1/2", "timeout": "1.5", "max_retries": "7",
      "retry_delay": "0.25",
    ])
    #expect(options.address == .tls(host: "h", port: 1))
    #expect(options.user == "u")
    #expect(options.password == "p")
    #expect(options.database == 2)
    #expect(options.timeout == .milliseconds(1500))
    #expect(options.attempts == 7)
    #expect(options.retryDelay == .milliseconds(250))
  }

  @Test(arguments: [
    ("timeouts", "1", "there is no setting timeouts"), ("timeout", "0", "timeout is"),
    ("timeout", "-1", "timeout is"), ("timeout", "nan", "timeout is"),
    ("timeout", "inf", "timeout is"), ("timeout", "5 s", "timeout is"),
    ("timeout", "", "timeout is"),
    ("retry_delay", "0", "retry_delay is"), ("max_retries", "0", "max_retries is"),
    ("max_retries", "-1", "max_retries is"), ("max_retries", "1.5", "max_retries is"),
    ("redis_url", "h", "the Redis address has"),
  ])
  func `a configuration that is wrong says what would be right`(
    name: String, value: String, message: String
  ) {
    #expect {
      _ = try RedisOptions(config: [name: value])
    } throws: { error in
      let error = error as? StorageError
      return error?.code == .invalidArgument && error?.message.hasPrefix(message) == true
    }
  }

  @Test(arguments: [
    ("redis://u:s3cret@h", "redis://h:6379/0"),
    ("rediss://u:s3cret@[::1]/3", "rediss://[::1]:6379/3"),
    ("unix://u:s3cret@/s?db=1", "unix:///s?db=1"),
  ])
  func `no description shows the password`(url: String, expected: String) throws {
    let options = try RedisOptions(url: url)
    var dumped = ""
    dump(RedisClient(options), to: &dumped)
    dump(options, to: &dumped)
    #expect(options.description == expected)
    #expect(String(reflecting: options) == expected)
    #expect(!dumped.contains("s3cret"))
    #expect(!"\(Optional(options) as Any)".contains("s3cret"))
  }

  static let changes: [(String, @Sendable (inout RedisOptions) -> Void)] = [
    ("the host is", { $0.address = .tcp(host: "", port: 1) }),
    ("the host is", { $0.address = .tcp(host: "a\0b", port: 1) }),
    ("the port is", { $0.address = .tls(host: "h", port: 0) }),
    ("the port is", { $0.address = .tcp(host: "h", port: 65_536) }),
    ("the socket's path", { $0.address = .unix(path: "") }),
    ("a user needs", { $0.user = "u" }), ("the database", { $0.database = -1 }),
    ("the client's name", { $0.clientName = "a b" }),
    ("the client's name", { $0.clientName = "a\nb" }),
    ("the client's name", { $0.clientName = "" }),
    ("a client certificate", { $0.tls.certificatePath = "/c" }),
    ("a client certificate", { $0.tls.keyPath = "/k" }), ("the timeout", { $0.timeout = .zero }),
    ("the timeout", { $0.timeout = .seconds(Int64.max) }), ("there is 1", { $0.attempts = 0 }),
    ("the retry delay", { $0.retryDelay = .seconds(-1) }),
    ("the connect timeout", { $0.connectTimeout = .zero }), ("limits", { $0.mostWaiting = 0 }),
    ("limits", { $0.mostWaitingBytes = 0 }), ("limits", { $0.mostReplyBytes = 0 }),
    ("limits", { $0.dedicatedConnections = 0 }),
  ]

  @Test(arguments: changes)
  func `an option outside its range is refused by the first command`(
    rule: String, change: @Sendable (inout RedisOptions) -> Void
  ) async throws {
    var options = try RedisOptions()
    change(&options)
    let client = RedisClient(options)
    await #expect {
      try await client.send(.ping())
    } throws: { error in
      let error = error as? StorageError
      return error?.code == .invalidArgument && error?.message.contains(rule) == true
    }
  }

  @Test func `a connection begins with what the options say`() throws {
    var options = try RedisOptions(url: "redis://u:p@h/3")
    options.clientName = "me"
    #expect(options.greeting.bytes == Array("AUTHupCLIENTSETNAMEmeSELECT3".utf8))
    #expect(options.greeting.counts == [3, 3, 2])
    #expect(try RedisOptions(url: "redis://:p@h").greeting.counts == [2])
    #expect(try RedisOptions().greeting.bytes == Array("PING".utf8))
  }
}
