/// What the operations of a process begin with: a configuration for each preset, the time-outs that have
/// names, and whether any call is guarded at all.
///
/// ```swift
/// let resilience = try Resilience(ResilienceSettings(environment: nil, prefix: "SHOP_"))
/// ```
///
/// It is a value: change it, then hand it over. To read a file first, and then what the environment says
/// otherwise:
///
/// ```swift
/// var settings = try ResilienceSettings(json: bytes)
/// try settings.read(environment: nil)
/// ```
public struct ResilienceSettings: Sendable {
  /// Whether calls are guarded. If not, each goes straight to its body, with no stage around it, and a
  /// fallback is still taken when it fails.
  public var isEnabled = true

  /// The time-outs that have names.
  public var timeouts = NamedTimeouts()

  /// The presets that are not as they were.
  private var changed: [ResiliencePreset: ResilienceConfiguration] = [:]

  /// The presets as their table has them.
  public init() {}

  /// What the operations of a preset begin with.
  ///
  /// - Complexity: O(1).
  public subscript(_ preset: ResiliencePreset) -> ResilienceConfiguration {
    get { changed[preset] ?? preset.configuration }
    set { changed[preset] = newValue }
  }

  /// Checks every range of every preset and time-out.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, which says of each that is out of range what it
  ///   is and what is accepted, with its preset, as in `api.maxAttempts`.
  /// - Complexity: O(1).
  public func check() throws(HoldfastError) {
    var problems = ConfigurationProblems()
    for parameter in Self.parameters {
      if let value = parameter.valueOutOfRange(of: self) {
        problems.add("\(parameter.name) is \(value)", accepted: parameter.accepted)
      }
    }
    for preset in ResiliencePreset.allCases {
      try changed[preset]?.check(at: "\(preset.rawValue).", into: &problems)
    }
    try problems.throwIfAny()
  }

  /// Time-outs of what many services wait for, to be set from outside like the others. Nothing in the
  /// library uses them by itself.
  ///
  /// ```swift
  /// try resilience.ml("load") { $0.timeout = settings.timeouts.modelLoad }
  /// ```
  ///
  /// Each is more than 0, and at most a year.
  public struct NamedTimeouts: Sendable, Hashable {
    /// To load a model; by default 300 s.
    public var modelLoad = Duration.seconds(300)
    /// For a model to infer; by default 60 s.
    public var inference = Duration.seconds(60)
    /// For Redis to answer; by default 5 s.
    public var redis = Duration.seconds(5)
    /// To read or write a file; by default 30 s.
    public var fileIO = Duration.seconds(30)

    /// The defaults.
    public init() {}
  }
}

extension ResilienceSettings {
  /// What is not of a preset.
  static let parameters: [ConfigurationParameter<Self>] = [
    .init(name: "isEnabled", key: "enabled", kind: .flag(\.isEnabled)),
    .init(
      name: "timeouts.modelLoad", key: "timeouts.model_load",
      kind: .time(\.timeouts.modelLoad, .limitOfTime)),
    .init(
      name: "timeouts.inference", key: "timeouts.inference",
      kind: .time(\.timeouts.inference, .limitOfTime)),
    .init(
      name: "timeouts.redis", key: "timeouts.redis", kind: .time(\.timeouts.redis, .limitOfTime)),
    .init(
      name: "timeouts.fileIO", key: "timeouts.file_io",
      kind: .time(\.timeouts.fileIO, .limitOfTime)),
  ]
}

extension ResiliencePreset {
  /// As it is called outside of Swift: what is of no kind is the default there.
  var key: String { self == .custom ? "default" : rawValue }
}
