/// Puts what an object holds in its places, and keeps what is wrong.
struct ConfigurationReader {
  var problems = ConfigurationProblems()

  mutating func read(_ value: ConfigurationValue, into settings: inout ResilienceSettings) {
    guard let fields = object(value, at: "the JSON text") else { return }
    switch fields["version"] {
    case .number(1): break
    case nil: problems.add("version is missing", accepted: "1")
    case .some(let version): problems.add("version is \(version)", accepted: "1")
    }
    let presets = ResiliencePreset.allCases.map(\.key)
    read(
      fields, of: ResilienceSettings.parameters, into: &settings, besides: ["version"] + presets)
    for preset in ResiliencePreset.allCases {
      guard let value = fields[preset.key], let fields = object(value, at: preset.key) else {
        continue
      }
      read(
        fields, of: ResilienceConfiguration.parameters, into: &settings[preset],
        at: preset.key + ".")
      // Who describes a stage wants it.
      if fields["bulkhead"] != nil, fields["enable_bulkhead"] == nil {
        settings[preset].isBulkheadEnabled = true
      }
      if fields["rate_limit"] != nil, fields["enable_rate_limit"] == nil {
        settings[preset].isRateLimitEnabled = true
      }
    }
  }

  /// The fields of one object. `group`: what the keys of its parameters begin with. `path`: where it is.
  private mutating func read<Root>(
    _ fields: [String: ConfigurationValue], of parameters: [ConfigurationParameter<Root>],
    into root: inout Root, besides others: [String] = [], at path: String = "", group: String = ""
  ) {
    let inner = parameters.filter { $0.key.hasPrefix(group) }
      .map { (parameter: $0, path: $0.key.dropFirst(group.count).split(separator: ".")) }
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) where !others.contains(name) {
      let place = path + name
      let named = inner.filter { $0.path[0] == name }
      if named.isEmpty {
        let candidates = Set(inner.map { String($0.path[0]) }).union(others).sorted()
        let hint = Suggestion.nearest(to: name, among: candidates).map { "; did you mean '\($0)'?" }
        problems.add("\(place.onOneLine) is no name that is known here\(hint ?? "")")
      } else if let parameter = named.first(where: { $0.path.count == 1 })?.parameter {
        if !parameter.set(value, in: &root) {
          problems.add("\(place) is \(value)", accepted: parameter.accepted)
        }
      } else if let fields = object(value, at: place) {
        read(
          fields, of: parameters, into: &root, at: place + ".", group: group + name + ".")
      }
    }
  }

  private mutating func object(
    _ value: ConfigurationValue, at place: String
  ) -> [String: ConfigurationValue]? {
    if case .object(let fields) = value { return fields }
    problems.add("\(place) is \(value)", accepted: "an object")
    return nil
  }
}
