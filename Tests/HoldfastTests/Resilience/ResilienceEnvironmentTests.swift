import Holdfast
import Testing

@Suite struct ResilienceEnvironmentTests {
  private func message(_ environment: [String: String], prefix: String = "HOLDFAST_") -> String {
    ResilienceSettingsTests.message {
      _ = try ResilienceSettings(environment: environment, prefix: prefix)
    }
  }

  @Test func `an empty environment changes nothing`() throws {
    let settings = try ResilienceSettings(environment: [:])
    #expect(settings.isEnabled)
    #expect(settings[.database].timeout == .seconds(30))
    #expect(settings[.custom].timeout == .seconds(5))
    #expect(settings[.custom].maxAttempts == 3)
  }

  @Test(
    arguments: [
      ("DATABASE", ResiliencePreset.database), ("CACHE", .cache), ("API", .api), ("FILE", .file),
      ("ML", .ml), ("DEFAULT", .custom),
    ], ["HOLDFAST_", "SHOP_", "x", ""])
  func `each variable of a preset sets its own value`(
    _ named: (String, ResiliencePreset), prefix: String
  ) throws {
    let (name, preset) = named
    func changed(_ variable: String, _ value: String) throws -> ResilienceConfiguration {
      let settings = try ResilienceSettings(
        environment: ["\(prefix)\(name)_\(variable)": value], prefix: prefix)
      for other in ResiliencePreset.allCases where other != preset {
        #expect(Values(settings[other]) == Values(other.configuration))
      }
      #expect(Values(settings[preset]) != Values(preset.configuration))
      return settings[preset]
    }
    var expected = preset.configuration
    expected.timeout = .milliseconds(1250)
    #expect(try Values(changed("TIMEOUT", "1.25")) == Values(expected))
    expected = preset.configuration
    expected.maxAttempts = 7
    #expect(try Values(changed("MAX_ATTEMPTS", "7")) == Values(expected))
    expected = preset.configuration
    expected.baseDelay = .milliseconds(50)
    #expect(try Values(changed("BASE_DELAY", "0.05")) == Values(expected))
    expected = preset.configuration
    expected.maxDelay = .seconds(99)
    #expect(try Values(changed("MAX_DELAY", "99")) == Values(expected))
    expected = preset.configuration
    expected.failureThreshold = 11
    #expect(try Values(changed("FAILURE_THRESHOLD", "11")) == Values(expected))
    expected = preset.configuration
    expected.recoveryTimeout = .milliseconds(1500)
    #expect(try Values(changed("RECOVERY_TIMEOUT", "1.5")) == Values(expected))
  }

  @Test(
    arguments: [
      ("true", true), ("TRUE", true), ("True", true), ("1", true), ("yes", true), ("Yes", true),
      ("on", true), ("ON", true), ("false", false), ("FALSE", false), ("0", false), ("no", false),
      ("NO", false), ("off", false), ("oFF", false),
    ])
  func `a switch is read in each of its words`(text: String, expected: Bool) throws {
    let settings = try ResilienceSettings(environment: ["HOLDFAST_RESILIENCE_ENABLED": text])
    #expect(settings.isEnabled == expected)
  }

  @Test(arguments: ["", " ", "y", "n", "2", "-1", "enabled", " true", "true ", "tru", "1.0", "да"])
  func `what is no switch is refused`(text: String) {
    #expect(
      message(["HOLDFAST_RESILIENCE_ENABLED": text])
        == "HOLDFAST_RESILIENCE_ENABLED is '\(text)' "
        + "(accepted: true, false, 1, 0, yes, no, on, off)")
  }

  @Test(arguments: [
    "", " ", "5s", "5 ", " 5", "+5", "-5", "-0", "5.", ".5", "5.5.5", "1e3", "0x10", "1_000",
    "1,5", "inf", "nan", "infinity", "five", "٥", "0", "0.0000000001", "31536000.001",
    "99999999999999999999", String(repeating: "9", count: 400), "5\n",
  ])
  func `what is no time in range is refused`(text: String) {
    let shown = text.count > 64 ? "'\(text.prefix(64))'…" : "'\(text == "5\n" ? "5 " : text)'"
    #expect(
      message(["HOLDFAST_API_TIMEOUT": text])
        == "HOLDFAST_API_TIMEOUT is \(shown) "
        + "(accepted: seconds, more than 0 and at most 31536000)")
  }

  @Test(arguments: [
    ("0.000000001", Duration.nanoseconds(1)), ("31536000", .seconds(31_536_000)),
    ("0.3", .milliseconds(300)), ("1234.567", .milliseconds(1_234_567)),
    ("007", .seconds(7)), ("2.50", .milliseconds(2500)), ("0.1", .milliseconds(100)),
    ("1.001", .milliseconds(1001)), ("8.2", .milliseconds(8200)),
  ])
  func `a time is exact to the nanosecond`(text: String, expected: Duration) throws {
    let settings = try ResilienceSettings(environment: ["HOLDFAST_API_TIMEOUT": text])
    #expect(settings[.api].timeout == expected)
  }

  @Test(arguments: ["0", "1001", "2.5", "-1", "three", "", "1e1", "9223372036854775808"])
  func `what is no count in range is refused`(text: String) {
    #expect(
      message(["HOLDFAST_ML_MAX_ATTEMPTS": text])
        == "HOLDFAST_ML_MAX_ATTEMPTS is '\(text)' (accepted: a whole number, 1 to 1000)")
  }

  @Test func `the limits of each range are accepted, and what is beyond is not`() throws {
    let ranges: [(name: String, least: String, most: String, beyond: [String])] = [
      ("TIMEOUT", "0.000000001", "31536000", ["0", "31536001"]),
      ("MAX_ATTEMPTS", "1", "1000", ["0", "1001"]),
      ("BASE_DELAY", "0", "86400", ["86400.5"]),
      ("MAX_DELAY", "0", "86400", ["86401"]),
      ("FAILURE_THRESHOLD", "0", "65535", ["65536"]),
      ("RECOVERY_TIMEOUT", "0.001", "4233600", ["0", "0.0009", "4233601"]),
    ]
    for range in ranges {
      for text in [range.least, range.most] {
        let settings = try ResilienceSettings(environment: ["HOLDFAST_FILE_\(range.name)": text])
        try settings.check()
      }
      for text in range.beyond {
        #expect(
          message(["HOLDFAST_FILE_\(range.name)": text])
            .hasPrefix("HOLDFAST_FILE_\(range.name) is '\(text)' (accepted: "))
      }
    }
  }

  @Test func `everything that is wrong is told in one error`() {
    #expect(
      message([
        "HOLDFAST_RESILIENCE_ENABLED": "maybe", "HOLDFAST_API_TIMEOUT": "soon",
        "HOLDFAST_ML_MAX_ATTEMPTS": "0", "HOLDFAST_CACHE_TIMEOUT": "1",
        "HOLDFAST_DATABSE_TIMEOUT": "1",
      ])
        == "HOLDFAST_RESILIENCE_ENABLED is 'maybe' "
        + "(accepted: true, false, 1, 0, yes, no, on, off); "
        + "HOLDFAST_API_TIMEOUT is 'soon' (accepted: seconds, more than 0 and at most 31536000); "
        + "HOLDFAST_ML_MAX_ATTEMPTS is '0' (accepted: a whole number, 1 to 1000); "
        + "HOLDFAST_DATABSE_TIMEOUT sets nothing; did you mean HOLDFAST_DATABASE_TIMEOUT?")
  }

  @Test func `an error leaves everything as it was`() {
    var settings = ResilienceSettings()
    #expect(throws: HoldfastError.self) {
      try settings.read(environment: [
        "HOLDFAST_RESILIENCE_ENABLED": "false", "HOLDFAST_API_TIMEOUT": "1",
        "HOLDFAST_ML_TIMEOUT": "x",
      ])
    }
    #expect(settings.isEnabled)
    #expect(settings[.api].timeout == .seconds(60))
  }

  @Test(arguments: [
    ("HOLDFAST_DATABSE_TIMEOUT", "HOLDFAST_DATABASE_TIMEOUT"),
    ("HOLDFAST_DATABASE_TIMEOUTS", "HOLDFAST_DATABASE_TIMEOUT"),
    ("HOLDFAST_API_MAX_ATEMPTS", "HOLDFAST_API_MAX_ATTEMPTS"),
    ("HOLDFAST_RESILIENCE_ENABELD", "HOLDFAST_RESILIENCE_ENABLED"),
    ("HOLDFAST_TIMEOUT_REDS", "HOLDFAST_TIMEOUT_REDIS"),
    ("HOLDFAST_ML_BASEDELAY", "HOLDFAST_ML_BASE_DELAY"),
  ])
  func `a variable that is one slip away is refused`(name: String, meant: String) {
    #expect(message([name: "1"]) == "\(name) sets nothing; did you mean \(meant)?")
  }

  @Test(arguments: [
    "HOLDFAST_JEMALLOC", "HOLDFAST_PATH", "HOLDFAST_MAIL_TIMEOUT", "HOLDFAST_", "HOLDFAST_TIMEOUT",
    "holdfast_databse_timeout", "DATABSE_TIMEOUT", "SHOP_DATABSE_TIMEOUT",
  ])
  func `other variables are left alone`(name: String) {
    #expect(message([name: "none of ours"]) == "")
  }

  @Test func `another prefix looks for no slips`() {
    #expect(message(["SHOP_APP_TIMEOUT": "1"], prefix: "SHOP_") == "")
    #expect(message(["DATABSE_TIMEOUT": "1"], prefix: "") == "")
    #expect(message(["DATABASE_TIMEOUT": "x"], prefix: "").hasPrefix("DATABASE_TIMEOUT is 'x'"))
  }

  @Test func `another prefix has variables of its own`() throws {
    let environment = [
      "HOLDFAST_API_TIMEOUT": "wrong, but nobody asks", "SHOP_API_TIMEOUT": "3",
      "SHOP_RESILIENCE_ENABLED": "off",
    ]
    let settings = try ResilienceSettings(environment: environment, prefix: "SHOP_")
    #expect(settings[.api].timeout == .seconds(3))
    #expect(!settings.isEnabled)
  }

  private static let named:
    [(name: String, value: @Sendable (ResilienceSettings.NamedTimeouts) -> Duration)] = [
      ("model_load", { $0.modelLoad }), ("inference", { $0.inference }), ("redis", { $0.redis }),
      ("file_io", { $0.fileIO }),
    ]

  @Test(arguments: ["model_load", "inference", "redis", "file_io"])
  func `a named time-out is read with the prefix, in upper case, in lower case`(name: String) throws
  {
    let names = [
      "SHOP_TIMEOUT_\(name.uppercased())", "TIMEOUT_\(name.uppercased())", "timeout_\(name)",
    ]
    for first in names.indices {
      // Those behind the first that is set do not count, whatever they are.
      var environment = [names[first]: "1.5"]
      for later in names[(first + 1)...] { environment[later] = "wrong" }
      let settings = try ResilienceSettings(environment: environment, prefix: "SHOP_")
      for other in Self.named {
        #expect(
          other.value(settings.timeouts)
            == (other.name == name ? .milliseconds(1500) : other.value(.init())))
      }
      #expect(
        message([names[first]: "soon"], prefix: "SHOP_")
          == "\(names[first]) is 'soon' (accepted: seconds, more than 0 and at most 31536000)")
    }
  }

  @Test func `a value that would break a line, or is long, is shown on one`() {
    let text = "1\u{1b}[2J\n" + String(repeating: "x", count: 100)
    let shown = "'1 [2J " + String(repeating: "x", count: 58) + "'…"
    #expect(message(["HOLDFAST_API_TIMEOUT": text]).contains(" is \(shown) (accepted: "))
  }
}

/// What of a configuration can be compared.
struct Values: Equatable {
  var flags: [Bool]
  var times: [Duration?]
  var counts: [Int]
  var exponentialBase: Double
  var jitter: Jitter
  var circuitBreaker: CircuitBreaker.Options
  var bulkhead: Bulkhead.Options
  var rateLimit: RateLimiter.Options

  init(_ it: ResilienceConfiguration) {
    flags = [
      it.isTimeoutEnabled, it.isRetryEnabled, it.isRetryBudgetEnabled, it.isCircuitBreakerEnabled,
      it.isBulkheadEnabled, it.isRateLimitEnabled,
    ]
    times = [it.timeout, it.deadline, it.baseDelay, it.maxDelay, it.longestRetryAfter]
    counts = [it.maxAttempts]
    exponentialBase = it.exponentialBase
    jitter = it.jitter
    circuitBreaker = it.circuitBreaker
    bulkhead = it.bulkhead
    rateLimit = it.rateLimit
  }
}
