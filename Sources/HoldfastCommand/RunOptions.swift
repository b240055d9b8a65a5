import Holdfast

/// What `holdfast run` was asked to do.
struct RunOptions {
  enum Input: Equatable {
    case host
    case standardInput
    case file(String)
  }

  enum Format: String, CaseIterable {
    case jsonl
    case csv
  }

  let policyPath: String
  let input: Input
  let format: Format
  /// A duration as it was written, and its length.
  let duration: (text: String, nanoseconds: Nanoseconds)?
  let interval: (text: String, nanoseconds: Nanoseconds)?
  let limit: UInt64?
  let outputPath: String?

  init(_ words: [String]) throws(CommandFailure) {
    let usage = Help.pointer("run")
    let arguments = try Arguments(
      words, flags: [],
      valued: ["--input", "--format", "--for", "--every", "--limit", "--output"], help: usage)
    guard let policyPath = arguments.positionals.first else {
      throw CommandFailure("a policy file is missing", usage: usage)
    }
    if arguments.positionals.count > 1 {
      throw CommandFailure("'\(arguments.positionals[1])' is one argument too many", usage: usage)
    }
    guard let input = arguments["--input"] else {
      throw CommandFailure(
        "--input is missing: host, a file, or - for standard input", usage: usage)
    }
    self.policyPath = policyPath
    switch input {
    case "host": self.input = .host
    case "-": self.input = .standardInput
    default: self.input = .file(input)
    }
    self.format = try Self.format(arguments["--format"], of: self.input)
    self.duration = try Self.duration(arguments["--for"], of: "--for")
    self.interval = try Self.duration(arguments["--every"], of: "--every")
    if let interval, interval.nanoseconds < 1_000_000 {
      throw CommandFailure("--every is 1ms at least, not '\(interval.text)'", usage: usage)
    }
    if let text = arguments["--limit"] {
      guard let limit = UInt64(text), limit > 0 else {
        throw CommandFailure("--limit is a whole number above 0, not '\(text)'", usage: usage)
      }
      self.limit = limit
    } else {
      self.limit = nil
    }
    self.outputPath = arguments["--output"]
  }

  private static func format(_ text: String?, of input: Input) throws(CommandFailure) -> Format {
    if let text {
      if input == .host {
        throw CommandFailure("--format does not go with --input host", usage: Help.pointer("run"))
      }
      guard let format = Format(rawValue: text) else {
        let names = Format.allCases.map(\.rawValue)
        throw CommandFailure(
          "--format is jsonl or csv, not '\(text)'\(Suggestion.hint(for: text, among: names))",
          usage: Help.pointer("run"))
      }
      return format
    }
    guard case .file(let path) = input else { return .jsonl }
    let name = path.lowercased()
    if name.hasSuffix(".csv") { return .csv }
    if [".jsonl", ".ndjson", ".json"].contains(where: name.hasSuffix) { return .jsonl }
    throw CommandFailure(
      "cannot tell the format of '\(path)' by its name: say --format jsonl or --format csv",
      usage: Help.pointer("run"))
  }

  private static func duration(
    _ text: String?, of option: String
  ) throws(CommandFailure) -> (text: String, nanoseconds: Nanoseconds)? {
    guard let text else { return nil }
    guard let nanoseconds = DurationText.parse(text) else {
      throw CommandFailure(
        "\(option) is a duration above zero such as 500ms, 15s, 2m or 1h, not '\(text)'",
        usage: Help.pointer("run"))
    }
    return (text, nanoseconds)
  }
}
