import Holdfast
import Testing

@Suite struct ResilienceJSONTests {
  private func message(_ json: String) -> String {
    ResilienceSettingsTests.message { _ = try ResilienceSettings(json: json) }
  }

  @Test func `a version alone changes nothing`() throws {
    let settings = try ResilienceSettings(json: #"{"version": 1}"#)
    #expect(settings.isEnabled)
    for preset in ResiliencePreset.allCases {
      #expect(Values(settings[preset]) == Values(preset.configuration))
    }
  }

  @Test func `every name sets its own value`() throws {
    let settings = try ResilienceSettings(
      json: """
        {
          "version": 1, "enabled": false,
          "timeouts": {"model_load": 1, "inference": 2, "redis": 3.5, "file_io": 4},
          "file": {
            "enable_timeout": false, "timeout": 1.25, "deadline": 20, "enable_retry": false,
            "max_attempts": 7, "base_delay": 0.05, "max_delay": 99, "exponential_base": 1.5,
            "jitter": "decorrelated", "longest_retry_after": 5, "enable_retry_budget": false,
            "enable_circuit_breaker": false, "failure_threshold": 11, "recovery_timeout": 1.5,
            "enable_bulkhead": true, "bulkhead": {"limit": 4, "queue": 5, "longest_wait": 0.5},
            "enable_rate_limit": true,
            "rate_limit": {"permits": 6, "per": 60, "burst": 7, "longest_wait": 2}
          }
        }
        """)
    #expect(!settings.isEnabled)
    #expect(settings.timeouts.modelLoad == .seconds(1))
    #expect(settings.timeouts.inference == .seconds(2))
    #expect(settings.timeouts.redis == .milliseconds(3500))
    #expect(settings.timeouts.fileIO == .seconds(4))
    var expected = ResilienceConfiguration.file
    expected.isTimeoutEnabled = false
    expected.timeout = .milliseconds(1250)
    expected.deadline = .seconds(20)
    expected.isRetryEnabled = false
    expected.maxAttempts = 7
    expected.baseDelay = .milliseconds(50)
    expected.maxDelay = .seconds(99)
    expected.exponentialBase = 1.5
    expected.jitter = .decorrelated
    expected.longestRetryAfter = .seconds(5)
    expected.isRetryBudgetEnabled = false
    expected.isCircuitBreakerEnabled = false
    expected.failureThreshold = 11
    expected.recoveryTimeout = .milliseconds(1500)
    expected.isBulkheadEnabled = true
    expected.bulkhead = .init(limit: 4, queue: 5, longestWait: .milliseconds(500))
    expected.isRateLimitEnabled = true
    expected.rateLimit = .init(permits: 6, per: .seconds(60), burst: 7, longestWait: .seconds(2))
    #expect(Values(settings[.file]) == Values(expected))
    for preset in ResiliencePreset.allCases where preset != .file {
      #expect(Values(settings[preset]) == Values(preset.configuration))
    }
    try settings.check()
  }

  @Test(arguments: [
    ("database", ResiliencePreset.database), ("cache", .cache), ("api", .api), ("file", .file),
    ("ml", .ml), ("default", .custom),
  ])
  func `each preset has its object`(name: String, preset: ResiliencePreset) throws {
    let settings = try ResilienceSettings(json: #"{"version":1,"\#(name)":{"max_attempts":42}}"#)
    for other in ResiliencePreset.allCases {
      #expect((settings[other].maxAttempts == 42) == (other == preset))
    }
  }

  @Test func `null takes away what need not be there`() throws {
    var settings = ResilienceSettings()
    settings[.api].deadline = .seconds(1)
    settings[.api].bulkhead.longestWait = .seconds(1)
    settings[.api].rateLimit.burst = 5
    try settings.read(
      json: """
        {"version": 1, "api": {"deadline": null, "bulkhead": {"longest_wait": null},
         "rate_limit": {"burst": null}}}
        """)
    #expect(settings[.api].deadline == nil)
    #expect(settings[.api].bulkhead.longestWait == nil)
    #expect(settings[.api].rateLimit.burst == nil)
    #expect(
      message(#"{"version": 1, "api": {"timeout": null}}"#)
        == "api.timeout is null (accepted: seconds, more than 0 and at most 31536000)")
  }

  @Test func `describing a stage switches it on, unless that is said too`() throws {
    let described = try ResilienceSettings(
      json: #"{"version":1,"api":{"bulkhead":{"limit":3},"rate_limit":{}}}"#)
    #expect(described[.api].isBulkheadEnabled && described[.api].isRateLimitEnabled)
    let off = try ResilienceSettings(
      json: """
        {"version":1,"api":{"bulkhead":{"limit":3},"enable_bulkhead":false,
         "rate_limit":{"permits":3},"enable_rate_limit":false}}
        """)
    #expect(!off[.api].isBulkheadEnabled && !off[.api].isRateLimitEnabled)
    #expect(off[.api].bulkhead.limit == 3 && off[.api].rateLimit.permits == 3)
  }

  @Test(arguments: [
    ("{}", "version is missing (accepted: 1)"),
    (#"{"version": 2}"#, "version is 2 (accepted: 1)"),
    (#"{"version": "1"}"#, "version is '1' (accepted: 1)"),
    (#"{"version": 1.5}"#, "version is 1.5 (accepted: 1)"),
    ("[]", "the JSON text is a list (accepted: an object)"),
    ("3", "the JSON text is 3 (accepted: an object)"),
    (#"{"version":1,"enabled":"yes"}"#, "enabled is 'yes' (accepted: true or false)"),
    (#"{"version":1,"enabled":1}"#, "enabled is 1 (accepted: true or false)"),
    (#"{"version":1,"api":7}"#, "api is 7 (accepted: an object)"),
    (
      #"{"version":1,"api":{"timeout":"60"}}"#,
      "api.timeout is '60' (accepted: seconds, more than 0 and at most 31536000)"
    ),
    (
      #"{"version":1,"api":{"timeout":0}}"#,
      "api.timeout is 0 (accepted: seconds, more than 0 and at most 31536000)"
    ),
    (
      #"{"version":1,"api":{"timeout":-0.5}}"#,
      "api.timeout is -0.5 (accepted: seconds, more than 0 and at most 31536000)"
    ),
    (
      #"{"version":1,"api":{"timeout":1e999}}"#,
      "api.timeout is a value that cannot be read "
        + "(accepted: seconds, more than 0 and at most 31536000)"
    ),
    (
      #"{"version":1,"api":{"timeout":true}}"#,
      "api.timeout is true (accepted: seconds, more than 0 and at most 31536000)"
    ),
    (
      #"{"version":1,"database":{"max_attempts":0}}"#,
      "database.max_attempts is 0 (accepted: a whole number, 1 to 1000)"
    ),
    (
      #"{"version":1,"database":{"max_attempts":2.5}}"#,
      "database.max_attempts is 2.5 (accepted: a whole number, 1 to 1000)"
    ),
    (
      #"{"version":1,"default":{"jitter":"ful"}}"#,
      "default.jitter is 'ful' (accepted: none, full, equal, decorrelated)"
    ),
    (
      #"{"version":1,"default":{"exponential_base":0.5}}"#,
      "default.exponential_base is 0.5 (accepted: a number, 1 to 100)"
    ),
    (
      #"{"version":1,"default":{"deadline":0}}"#,
      "default.deadline is 0 (accepted: seconds, more than 0 and at most 31536000, or null)"
    ),
    (
      #"{"version":1,"api":{"bulkhead":{"limit":[1]}}}"#,
      "api.bulkhead.limit is a list (accepted: a whole number, 1 to 1000000)"
    ),
    (#"{"version":1,"api":{"bulkhead":5}}"#, "api.bulkhead is 5 (accepted: an object)"),
    (
      #"{"version":1,"timeouts":{"redis":"fast"}}"#,
      "timeouts.redis is 'fast' (accepted: seconds, more than 0 and at most 31536000)"
    ),
    (
      #"{"version":1,"databse":{}}"#,
      "databse is no name that is known here; did you mean 'database'?"
    ),
    (
      #"{"version":1,"api":{"max_attemps":1}}"#,
      "api.max_attemps is no name that is known here; did you mean 'max_attempts'?"
    ),
    (
      #"{"version":1,"api":{"bulkhead":{"limits":1}}}"#,
      "api.bulkhead.limits is no name that is known here; did you mean 'limit'?"
    ),
    (
      #"{"version":1,"api":{"bulkhead.limit":1}}"#,
      "api.bulkhead.limit is no name that is known here"
    ),
    (
      #"{"version":1,"timeouts":{"kafka":1}}"#,
      "timeouts.kafka is no name that is known here"
    ),
  ])
  func `what is wrong is named by its place, with what is accepted`(json: String, expected: String)
  {
    #expect(message(json) == expected)
  }

  @Test func `what two values together may not be is refused too`() {
    #expect(
      message(#"{"version":1,"api":{"rate_limit":{"permits":1001,"per":0.000001}}}"#)
        .hasPrefix("api.rateLimit.permits is "))
  }

  @Test func `everything that is wrong is told in one error`() {
    #expect(
      message(
        """
        {"enabled": 1, "api": {"timeout": 0, "tmeout": 5}, "cache": {"max_attempts": 9999}, "x": 1}
        """)
        == "version is missing (accepted: 1); enabled is 1 (accepted: true or false); "
        + "x is no name that is known here; "
        + "cache.max_attempts is 9999 (accepted: a whole number, 1 to 1000); "
        + "api.timeout is 0 (accepted: seconds, more than 0 and at most 31536000); "
        + "api.tmeout is no name that is known here; did you mean 'timeout'?")
  }

  @Test func `of very many problems some are shown and the others counted`() {
    let fields = (0..<30).map { #""unknown\#($0)": 1"# }.joined(separator: ",")
    let text = message(#"{"version": 1, \#(fields)}"#)
    #expect(text.hasSuffix("; and 10 more"))
    #expect(text.split(separator: ";").count == 21)
  }

  @Test(arguments: ["", "{", #"{"version": 1"#, #"{"version": tru}"#, "nonsense", "{} {}"])
  func `what is no JSON is said to be none`(json: String) {
    #expect(message(json) == "the text is no JSON")
  }

  @Test func `bytes that are not UTF-8 are refused`() throws {
    let error = #expect(throws: HoldfastError.self) {
      try ResilienceSettings(json: Array(#"{"version": 1, ""#.utf8) + [0xFF] + Array("\": 1}".utf8))
    }
    #expect(error?.code == .invalidUTF8)
    let settings = try ResilienceSettings(json: Array(#"{"version":1,"enabled":false}"#.utf8))
    #expect(!settings.isEnabled)
  }

  @Test func `an error leaves everything as it was`() {
    var settings = ResilienceSettings()
    #expect(throws: HoldfastError.self) {
      try settings.read(json: #"{"version":1,"enabled":false,"api":{"timeout":1,"tiemout":1}}"#)
    }
    #expect(settings.isEnabled)
    #expect(settings[.api].timeout == .seconds(60))
  }

  @Test func `the environment goes over what a file says`() throws {
    var settings = try ResilienceSettings(
      json: #"{"version":1,"api":{"timeout":1,"max_attempts":2}}"#)
    try settings.read(environment: ["HOLDFAST_API_TIMEOUT": "3"])
    #expect(settings[.api].timeout == .seconds(3))
    #expect(settings[.api].maxAttempts == 2)
  }
}
