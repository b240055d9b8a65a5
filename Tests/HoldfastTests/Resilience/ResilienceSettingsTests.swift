import Holdfast
import Testing

@Suite struct ResilienceSettingsTests {
  /// The message of what the body throws.
  static func message(of body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return (error as? HoldfastError)?.message ?? "\(error)"
    }
  }

  @Test func `the first setting is the default of each preset`() {
    let settings = ResilienceSettings()
    #expect(settings.isEnabled)
    for preset in ResiliencePreset.allCases {
      #expect(settings[preset].timeout == preset.configuration.timeout)
      #expect(settings[preset].maxAttempts == preset.configuration.maxAttempts)
    }
    #expect(settings.timeouts.modelLoad == .seconds(300))
    #expect(settings.timeouts.inference == .seconds(60))
    #expect(settings.timeouts.redis == .seconds(5))
    #expect(settings.timeouts.fileIO == .seconds(30))
  }

  @Test func `changing one preset leaves the others`() {
    var settings = ResilienceSettings()
    settings[.api].maxAttempts = 9
    #expect(settings[.api].maxAttempts == 9)
    #expect(settings[.api].timeout == .seconds(60))
    #expect(settings[.database].maxAttempts == 3)
    #expect(settings[.custom].maxAttempts == 3)
  }

  @Test func `all ranges are checked`() throws {
    var settings = ResilienceSettings()
    try settings.check()
    settings[.ml].maxAttempts = 0
    #expect(
      Self.message { try settings.check() }
        == "ml.maxAttempts is 0 (accepted: a whole number, 1 to 1000)")
    settings[.ml].maxAttempts = 1
    settings.timeouts.redis = .zero
    #expect(
      Self.message { try settings.check() }
        == "timeouts.redis is 0.0 seconds (accepted: seconds, more than 0 and at most 31536000)")
    settings[.ml].maxAttempts = 0
    settings[.custom].circuitBreaker.probes = 0
    let message = Self.message { try settings.check() }
    #expect(message.contains("timeouts.redis is 0.0 seconds"))
    #expect(message.contains("; ml.maxAttempts is 0"))
    #expect(message.contains("; custom.circuitBreaker.probes is 0"))
  }
}
