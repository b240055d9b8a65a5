import Glibc
import Holdfast

/// The program `holdfast`.
@main
enum Program {
  static func main() {
    occupyStandardDescriptors()
    // A closed pipe is then an error of write(), which can be reported.
    signal(SIGPIPE, SIG_IGN)
    // Likewise a file that would become larger than the limit of ulimit -f.
    signal(SIGXFSZ, SIG_IGN)
    do {
      exit(try run())
    } catch {
      Messages.error(error)
      exit(ExitStatus.failure)
    }
  }

  /// A standard stream that was closed from the start must not become the next file that is opened.
  /// In its place comes one that refuses reading, or writing, so that it is an error as it should be.
  private static func occupyStandardDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  private static func run() throws(CommandFailure) -> Int32 {
    var words = try words()
    guard !words.isEmpty else {
      throw CommandFailure("a command is missing", usage: Help.overview)
    }
    let command = words.removeFirst()
    switch command {
    case "--help", "-h", "help":
      return try help(words.first)
    case "--version":
      return try show("holdfast \(HoldfastLibrary.version)")
    default: break
    }
    guard Help.commands.contains(command) else {
      let hint = Suggestion.hint(for: command, among: Help.commands + ["--help", "--version"])
      throw CommandFailure(
        "there is no command '\(Messages.visible(command))'\(hint)",
        usage: "Try 'holdfast --help'.")
    }
    // Before the options are looked at, so that help is never refused.
    if words.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
      return try help(command)
    }
    switch command {
    case "eval": return try EvalCommand.run(words)
    case "check": return try CheckCommand.run(words)
    default: return try RunCommand.run(words)
    }
  }

  private static func help(_ command: String?) throws(CommandFailure) -> Int32 {
    guard let command else { return try show(Help.overview) }
    guard let text = Help.text(of: command) else {
      throw CommandFailure(
        "there is no command '\(Messages.visible(command))'"
          + Suggestion.hint(for: command, among: Help.commands),
        usage: "Try 'holdfast --help'.")
    }
    return try show(text)
  }

  private static func show(_ text: String) throws(CommandFailure) -> Int32 {
    let output = Output.standard()
    try output.append(text + "\n")
    try output.flush()
    return ExitStatus.success
  }

  /// The command line without the program's name.
  private static func words() throws(CommandFailure) -> [String] {
    var words: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = unsafe CommandLine.unsafeArgv[index] else { break }
      let bytes = unsafe UnsafeRawBufferPointer(start: argument, count: strlen(argument))
      // Swift would quietly replace what is not UTF-8.
      guard let word = unsafe String(validating: bytes, as: UTF8.self) else {
        throw CommandFailure("invalid_utf8: argument \(index) is not UTF-8")
      }
      words.append(word)
    }
    return words
  }
}
