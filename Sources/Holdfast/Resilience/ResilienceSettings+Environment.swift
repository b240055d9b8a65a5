#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension ResilienceSettings {
  /// The presets, but for what the environment says; see ``read(environment:prefix:)``. Without either
  /// parameter, `ResilienceSettings()` asks nothing and nobody.
  ///
  /// - Parameters:
  ///   - environment: names and values; `nil`, by default: those of the process.
  ///   - prefix: what the names begin with.
  /// - Throws: ``HoldfastError/Code/invalidArgument``.
  public init(
    environment: [String: String]? = nil, prefix: String = ownPrefix
  ) throws(HoldfastError) {
    self.init()
    try read(environment: environment, prefix: prefix)
  }

  /// Takes over what the environment says. With the prefix `HOLDFAST_` these variables count:
  ///
  /// | variable | what it sets |
  /// |---|---|
  /// | `HOLDFAST_RESILIENCE_ENABLED` | ``isEnabled`` |
  /// | `HOLDFAST_DATABASE_TIMEOUT` | the time-out of an attempt, in seconds |
  /// | `HOLDFAST_DATABASE_MAX_ATTEMPTS` | the attempts, the first one included |
  /// | `HOLDFAST_DATABASE_BASE_DELAY` | the delay before the first retry, in seconds |
  /// | `HOLDFAST_DATABASE_MAX_DELAY` | the longest delay, in seconds |
  /// | `HOLDFAST_DATABASE_FAILURE_THRESHOLD` | the failures in a row that open the breaker |
  /// | `HOLDFAST_DATABASE_RECOVERY_TIMEOUT` | how long it stays open, in seconds |
  /// | the same with `CACHE`, `API`, `FILE`, `ML` | the same of those presets |
  /// | the same with `DEFAULT` | the same of ``ResiliencePreset/custom``, and of no other |
  /// | `HOLDFAST_TIMEOUT_MODEL_LOAD`, `…_INFERENCE`, `…_REDIS`, `…_FILE_IO` | ``timeouts-swift.property``, in seconds |
  ///
  /// The last four also count without the prefix, and in lower case, as in `timeout_redis`: of those
  /// that are set, the first counts, in the order prefix, upper case, lower case.
  ///
  /// A number is digits, with a point and more digits where it need not be whole: no sign, no exponent,
  /// no unit, no space. `RESILIENCE_ENABLED` is `true`, `false`, `1`, `0`, `yes`, `no`, `on` or `off`,
  /// in capitals or not. An empty value is a wrong one; to leave something as it is, do not set it.
  ///
  /// With the prefix ``ownPrefix`` a variable that is one slip away from one of these, such as
  /// `HOLDFAST_DATABSE_TIMEOUT`, is refused: what nobody reads helps nobody. What begins with another
  /// prefix may be somebody else's, and is left alone.
  ///
  /// - Parameters:
  ///   - environment: names and values; `nil`: those of the process.
  ///   - prefix: what the names begin with, with its `_`.
  /// - Throws: ``HoldfastError/Code/invalidArgument``, which names every variable that is wrong, its
  ///   value and what is accepted. Nothing changed then.
  /// - Complexity: O(variables).
  public mutating func read(
    environment: [String: String]?, prefix: String = ownPrefix
  ) throws(HoldfastError) {
    let environment = environment ?? ProcessInfo.processInfo.environment
    var result = self
    var problems = ConfigurationProblems()
    var known: [String] = []
    for parameter in Self.parameters {
      let names = Self.variables(for: parameter.key)
      known.append(names[0])
      read(parameter, from: [prefix + names[0]] + names.dropFirst(), into: &result)
    }
    for preset in ResiliencePreset.allCases {
      for parameter in ResilienceConfiguration.parameters
      where Self.suffixes.contains(parameter.key) {
        let name = "\(preset.key.uppercased())_\(parameter.key.uppercased())"
        known.append(name)
        read(parameter, from: [prefix + name], into: &result[preset])
      }
    }
    if prefix == Self.ownPrefix {
      let names = environment.keys.filter { $0.hasPrefix(prefix) }
        .map { String($0.dropFirst(prefix.count)) }
      for name in names.sorted() where !known.contains(name) {
        if let meant = Suggestion.nearest(to: name, among: known, edits: 1) {
          problems.add("\(prefix)\(name) sets nothing; did you mean \(prefix)\(meant)?")
        }
      }
    }
    try problems.throwIfAny()
    self = result

    func read<Root>(
      _ parameter: ConfigurationParameter<Root>, from names: [String], into root: inout Root
    ) {
      guard let name = names.first(where: { environment[$0] != nil }), let text = environment[name]
      else { return }
      if parameter.set(parameter.value(of: text), in: &root) { return }
      problems.add(
        "\(name) is \(ConfigurationValue.quoted(text))", accepted: parameter.acceptedAsText)
    }
  }

  /// Whose names nobody else uses.
  public static let ownPrefix = "HOLDFAST_"

  /// What a preset has variables for.
  private static let suffixes: Set = [
    "timeout", "max_attempts", "base_delay", "max_delay", "failure_threshold", "recovery_timeout",
  ]

  /// The name behind the prefix, then those that count without it.
  private static func variables(for key: String) -> [String] {
    guard let timeout = key.split(separator: ".").dropFirst().first else {
      return ["RESILIENCE_\(key.uppercased())"]
    }
    let name = "TIMEOUT_\(timeout.uppercased())"
    return [name, name, name.lowercased()]
  }
}

extension ConfigurationParameter {
  fileprivate var acceptedAsText: String {
    if case .flag = kind { return "true, false, 1, 0, yes, no, on, off" }
    return accepted
  }

  /// What a text says where this is to be set; what it does not say remains a text.
  fileprivate func value(of text: String) -> ConfigurationValue {
    switch kind {
    case .flag:
      switch text.lowercased() {
      case "true", "1", "yes", "on": .flag(true)
      case "false", "0", "no", "off": .flag(false)
      default: .text(text)
      }
    case .time, .optionalTime, .count, .optionalCount, .number:
      text.plainDecimal.map { .number($0) } ?? .text(text)
    case .jitter:
      .text(text)
    }
  }
}

extension String {
  /// The number that it is, if it is digits with at most one point among them. `Double` by itself also
  /// takes signs, exponents, hexadecimals and names.
  fileprivate var plainDecimal: Double? {
    let parts = split(separator: ".", omittingEmptySubsequences: false)
    let isPlain = parts.allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
    return isPlain ? Double(self) : nil
  }
}
