import Foundation
import Testing

/// How a run starts, is watched, is stopped, and fails.
@Suite(.timeLimit(.minutes(2))) struct RunControlTests {
  private let folder: TemporaryFolder
  private let policy: String

  init() throws {
    folder = try TemporaryFolder()
    policy = try folder.write(
      #"{"version":1,"variables":{"a":"number"},"rules":[{"id":"r","when":"a > 0","then":"t"}]}"#,
      to: "policy.json")
  }

  /// As many events as it takes to fill every buffer on the way.
  private func manyEvents(_ count: Int = 200_000) throws -> String {
    try folder.write(String(repeating: "{\"a\":1}\n", count: count), to: "many.jsonl")
  }

  /// Runs it under a shell, for redirections that no pipe can stand for.
  private func shell(_ script: String, _ arguments: String...) throws -> (Int32, String) {
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", script, HoldfastProgram.path] + arguments
    process.standardError = errors
    try process.run()
    let text = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }

  /// A named pipe that nobody has opened yet.
  private func namedPipe() throws -> String {
    let path = folder.path + "/pipe"
    if unsafe mkfifo(path, 0o600) != 0 { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    return path
  }

  /// Waits until something is so, or the program has ended.
  private func wait(
    for program: HoldfastProgram.Running, until isSo: () throws -> Bool
  ) rethrows {
    while try !isSo(), program.process.isRunning { sched_yield() }
  }

  /// Whether the program still catches a signal, as the system sees it.
  private func catches(_ signal: Int32, _ program: HoldfastProgram.Running) throws -> Bool {
    let status = try String(
      contentsOfFile: "/proc/\(program.process.processIdentifier)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") })
    let mask = try #require(UInt64(line.dropFirst(7).filter { !$0.isWhitespace }, radix: 16))
    return mask & (1 << UInt64(signal - 1)) != 0
  }

  @Test func `decisions of a pipe appear as soon as their events`() throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", "-"])
    for step in 1...3 {
      try program.write("{\"a\":1}\n{\"a\":0}\n")
      #expect(try program.line().contains("\"step\":\(step * 2 - 1),"))
    }
    try program.closeInput()
    let outcome = try program.finish()
    #expect(outcome.status == 0)
    #expect(outcome.output == "")
    #expect(outcome.errors.contains("events      6 in"))
  }

  @Test(arguments: [(SIGINT, 130, "Ctrl-C"), (SIGTERM, 143, "SIGTERM")])
  func `a signal stops a run that waits for events, with the summary`(
    signal: Int32, status: Int32, name: String
  ) throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", "-"])
    try program.write("{\"a\":1}\n")
    _ = try program.line()
    program.interrupt(with: signal)
    let outcome = try program.finish()
    #expect(outcome.status == status)
    #expect(outcome.errors.contains("events      1 in"))
    #expect(outcome.errors.contains("decisions   1\n"))
    #expect(outcome.errors.contains("stopped by \(name)"))
  }

  @Test func `Ctrl-C stops a run that sleeps between samples`() throws {
    let policy = try folder.write(
      #"{"version":1,"variables":{},"rules":[{"id":"r","when":"always","then":"t"}]}"#,
      to: "always.json")
    let program = try HoldfastProgram.start(
      ["run", policy, "--input", "-", "--every", "1h"])
    try program.write("{}\n{}\n")
    _ = try program.line()
    program.interrupt()
    let outcome = try program.finish()
    #expect(outcome.status == 130)
    #expect(outcome.errors.contains("events      1 in"))
  }

  @Test func `Ctrl-C stops a run whose decisions nobody reads`() throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", try manyEvents()])
    _ = try program.line()  // the rest does not fit into the pipe
    program.interrupt()
    program.process.waitUntilExit()
    #expect(program.errors.contains("were not taken by the reader of standard output"))
    #expect(program.errors.contains("summary"))
    let outcome = try program.finish()
    #expect(outcome.status == 2)
  }

  @Test(arguments: [(SIGINT, SIGINT), (SIGINT, SIGTERM), (SIGTERM, SIGINT)])
  func `a second signal ends a run whose decisions nobody reads at once`(
    first: Int32, second: Int32
  ) throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", try manyEvents()])
    _ = try program.line()
    program.interrupt(with: first)
    // Each is caught but once, so this tells that the first has arrived.
    try wait(for: program) { try !catches(first, program) }
    program.interrupt(with: second)
    program.process.waitUntilExit()
    #expect(program.process.terminationReason == .uncaughtSignal)
    // By the first one where the second overtook it.
    #expect([first, second].contains(program.process.terminationStatus))
  }

  @Test func `a run for a time ends though nobody reads its decisions`() throws {
    let program = try HoldfastProgram.start(
      ["run", policy, "--input", try manyEvents(), "--for", "500ms"])
    program.process.waitUntilExit()
    #expect(program.process.terminationReason == .exit)
    #expect(program.process.terminationStatus == 2)
    #expect(program.errors.contains("were not taken by the reader of standard output"))
    #expect(program.errors.contains("summary"))
  }

  @Test func `a run for a time ends though nobody reads what it says either`() throws {
    let (status, _) = try shell(
      #"exec 3<>"$3"; timeout -s KILL 60 "$0" run "$1" --input "$2" --for 500ms >&3 2>&1"#,
      policy, try manyEvents(), try namedPipe())
    #expect(status == 2)
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a signal stops a run that waits for the other side of a named pipe`(
    signal: Int32
  ) throws {
    let pipe = try namedPipe()
    for (options, message) in [
      (["--input", pipe, "--format", "jsonl"], "1 rule over"),
      (["--input", try manyEvents(3), "--output", pipe], "waiting for a reader of"),
    ] {
      let program = try HoldfastProgram.start(["run", policy] + options)
      wait(for: program) { program.errors.contains(message) }
      program.interrupt(with: signal)
      let outcome = try program.finish()
      #expect(outcome.status == 128 + signal)
      #expect(outcome.errors.contains("events      0 in"))
    }
  }

  @Test func `a run for a time does not wait longer for the other side of a named pipe`() throws {
    let pipe = try namedPipe()
    for options in [
      ["--input", pipe, "--format", "jsonl"], ["--input", try manyEvents(3), "--output", pipe],
    ] {
      let outcome = try HoldfastProgram.run(["run", policy, "--for", "1ms"] + options)
      #expect(outcome.status == 0)
      #expect(outcome.errors.contains("events      0 in"))
    }
  }

  @Test func `events and decisions pass through named pipes`() throws {
    let pipe = try namedPipe()
    let reading = try HoldfastProgram.start(["run", policy, "--input", pipe, "--format", "jsonl"])
    wait(for: reading) { reading.errors.contains("1 rule over") }
    let events = try #require(FileHandle(forWritingAtPath: pipe))
    for step in 1...2 {
      try events.write(contentsOf: Data("{\"a\":1}\n".utf8))
      #expect(try reading.line().contains("\"step\":\(step),"))
    }
    try events.close()
    #expect(try reading.finish().status == 0)

    let writing = try HoldfastProgram.start(
      ["run", policy, "--input", try manyEvents(3), "--output", pipe])
    wait(for: writing) { writing.errors.contains("waiting for a reader of") }
    let decisions = try #require(FileHandle(forReadingAtPath: pipe))
    let text = try decisions.readToEnd() ?? Data()
    #expect(text.count { $0 == 0x0A } == 3)
    #expect(try writing.finish().status == 0)
  }

  @Test func `a signal that was ignored from the start stays ignored`() throws {
    let (status, _) = try shell(
      #"""
      trap '' INT
      mkfifo "$2/in" "$2/out"
      "$0" run "$1" --input - <"$2/in" >"$2/out" &
      program=$!
      exec 5>"$2/in" 6<"$2/out"
      for _ in 1 2; do
        echo '{"a":1}' >&5
        read -r line <&6 || exit 1
        kill -INT $program
      done
      kill -TERM $program
      wait $program
      """#, policy, folder.path)
    #expect(status == 143)
  }

  @Test func `a closed pipe ends with a clear error`() throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", try manyEvents()])
    _ = try program.line()
    try program.closeOutput()
    let outcome = try program.finish()
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains(
        "error: cannot write to standard output: its reader has closed it (broken pipe)"))
    #expect(outcome.errors.contains("summary"))
  }

  @Test func `a full disk ends with a clear error`() throws {
    let events = try manyEvents(10)
    let (status, errors) = try shell(
      #"exec "$0" run "$1" --input "$2" >/dev/full"#, policy, events)
    #expect(status == 2)
    #expect(errors.contains("error: cannot write to standard output: the disk is full"))

    let option = try HoldfastProgram.run(
      ["run", policy, "--input", events, "--output", "/dev/full"])
    #expect(option.status == 2)
    #expect(option.errors.contains("error: cannot write to /dev/full: the disk is full"))
  }

  @Test(
    .disabled(
      if: unsafe dlsym(nil, "__tsan_init") != nil,
      "ThreadSanitizer keeps its own memory in files, which the limit would forbid"))
  func `a file that reaches the limit for files ends with a clear error`() throws {
    let (status, errors) = try shell(
      #"ulimit -f 16; exec "$0" run "$1" --input "$2" --output "$3""#,
      policy, try manyEvents(), folder.path + "/decisions.jsonl")
    #expect(status == 2)
    #expect(errors.contains("it would be larger than the limit for files (file too large)"))
    #expect(errors.contains("summary"))
  }

  @Test func `a standard output that is closed from the start is an error`() throws {
    let (status, errors) = try shell(
      #"exec "$0" run "$1" --input "$2" >&-"#, policy, try manyEvents(10))
    #expect(status == 2)
    #expect(errors.contains("cannot write to standard output"))
  }

  @Test func `output goes to a file, which is emptied first`() throws {
    let target = try folder.write(String(repeating: "old\n", count: 1000), to: "decisions.jsonl")
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", try manyEvents(3), "--output", target])
    #expect(outcome.status == 0)
    #expect(outcome.output == "")
    let lines = try String(contentsOfFile: target, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines.allSatisfy { $0.contains(#""rule":"r","then":"t""#) })
  }

  @Test func `output never goes to a file that the run reads`() throws {
    let events = try manyEvents(3)
    for target in [events, policy] {
      let before = try String(contentsOfFile: target, encoding: .utf8)
      let outcome = try HoldfastProgram.run(
        ["run", policy, "--input", events, "--output", target])
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("is a file that this run reads"))
      #expect(try String(contentsOfFile: target, encoding: .utf8) == before)
    }
  }

  @Test func `output never goes to the file that is standard input`() throws {
    let events = try manyEvents(3)
    let before = try String(contentsOfFile: events, encoding: .utf8)
    let (status, errors) = try shell(
      #"exec "$0" run "$1" --input - --output "$2" <"$2""#, policy, events)
    #expect(status == 2)
    #expect(errors.contains("is a file that this run reads"))
    #expect(try String(contentsOfFile: events, encoding: .utf8) == before)
  }

  @Test func `output to a folder that is not there is refused`() throws {
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", try manyEvents(3), "--output", folder.path + "/no/file"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("/no/file: No such file or directory"))
  }

  @Test func `a run for a time ends by itself with 0`() throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", "-", "--for", "30ms"])
    let outcome = try program.finish()
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("events      0 in"))
  }

  @Test func `limit ends a run whose input goes on`() throws {
    let program = try HoldfastProgram.start(["run", policy, "--input", "-", "--limit", "2"])
    try program.write("{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n")
    let outcome = try program.finish()
    #expect(outcome.status == 0)
    #expect(outcome.outputLines.count == 2)
  }

  @Test func `every paces recorded events`() throws {
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", try manyEvents(5), "--every", "1ms"])
    #expect(outcome.status == 0)
    #expect(outcome.outputLines.count == 5)

    // The second event is an hour away.
    let slow = try HoldfastProgram.start(
      ["run", policy, "--input", try manyEvents(5), "--every", "1h"])
    _ = try slow.line()
    slow.interrupt()
    let ended = try slow.finish()
    #expect(ended.status == 130)
    #expect(ended.output == "")
    #expect(ended.errors.contains("events      1 in"))
  }

  @Test(arguments: [
    ("1", "1 event"), ("18446744073709551615", "18,446,744,073,709,551,615 events"),
  ])
  func `the limit is announced as it was given`(limit: String, text: String) throws {
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", try manyEvents(1), "--limit", limit])
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("(jsonl), at most \(text)\n"))
  }

  /// Colour, a line end, a control character of two bytes, a line separator, right-to-left.
  private static let unruly = "x\u{1B}[31m\n\u{85}\u{2028}\u{202E}\u{7F}y"

  @Test func `text of an event cannot act on the terminal`() throws {
    let time = try String(decoding: JSONEncoder().encode(Self.unruly), as: UTF8.self)
    let outcome = try HoldfastProgram.run(
      ["run", policy, "--input", "-"], input: "{\"a\":1,\"time\":\(time)}\n")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("passed on as it came: x [31m     y\n"))
  }

  @Test func `names of files cannot act on the terminal`() throws {
    let name = Self.unruly
    let shown = "x [31m     y"
    let strange = try folder.write(
      try String(contentsOfFile: policy, encoding: .utf8), to: "\(name).json")
    let events = try folder.write("{\"a\":1}\n", to: "\(name).jsonl")
    let announced = try HoldfastProgram.run(["run", strange, "--input", events])
    #expect(announced.status == 0)
    #expect(announced.errors.contains("\(shown).json: 1 rule over \(folder.path)/\(shown).jsonl"))

    for arguments in [
      ["run", policy + name, "--input", events],
      ["run", policy, "--input", events + name, "--format", "jsonl"],
      ["run", policy, "--input", events, "--output", events],
      ["run", policy, "--input", events, "--output", folder.path + "/\(name)/\(name)"],
      [name], ["help", name],
    ] {
      let outcome = try HoldfastProgram.run(arguments)
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains(shown))
      #expect(!outcome.errors.contains("\u{1B}"))
    }
  }

  @Test func `a file has a progress bar on a terminal, and nowhere else`() throws {
    let events = try manyEvents(1000)
    let plain = try HoldfastProgram.run(["run", policy, "--input", events])
    #expect(!plain.errors.contains("\r"))
    #expect(!plain.errors.contains("\u{1B}"))

    let terminal = Terminal()
    let shown = try terminal.errors(of: ["run", policy, "--input", events])
    #expect(shown.contains("\r\u{1B}[K[########################] 100%  1,000 events"))
    #expect(shown.contains("\u{1B}[1msummary\u{1B}[0m"))

    let colourless = try terminal.errors(
      of: ["run", policy, "--input", events], environment: ["NO_COLOR": "1"])
    #expect(colourless.contains("100%"))
    #expect(!colourless.contains("\u{1B}[1m"))

    // Decisions on the same terminal never share a line with the bar.
    let shared = try terminal.errors(of: ["run", policy, "--input", events], sharesOutput: true)
    #expect(shared.contains("100%"))
    let lines = shared.split(separator: "\r\n")
    #expect(lines.filter { $0.hasSuffix("}") }.count == 1000)
    for line in lines where line.hasSuffix("}") {
      let shown = line.split(separator: "\r\u{1B}[K", omittingEmptySubsequences: false).last
      #expect(shown?.hasPrefix("{\"time\":") == true, "\(line)")
    }

    let piped = try terminal.errors(of: ["run", policy, "--input", "-", "--for", "1ms"])
    #expect(!piped.contains("%"))
  }
}

/// A pseudo-terminal for standard error.
private struct Terminal {
  struct Unavailable: Error {}

  // <asm-generic/ioctls.h>, in a form that Swift does not import.
  private static let unlock: UInt = 0x4004_5431  // TIOCSPTLCK
  private static let numberOfOtherSide: UInt = 0x8004_5430  // TIOCGPTN

  func errors(
    of arguments: [String], environment: [String: String] = [:], sharesOutput: Bool = false
  ) throws -> String {
    let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
    if master < 0 { throw Unavailable() }
    defer { close(master) }
    var locked: Int32 = 0
    var number: Int32 = 0
    guard unsafe ioctl(master, Self.unlock, &locked) == 0,
      unsafe ioctl(master, Self.numberOfOtherSide, &number) == 0
    else { throw Unavailable() }
    let slave = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    if slave < 0 { throw Unavailable() }

    let process = Process()
    process.executableURL = URL(fileURLWithPath: HoldfastProgram.path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment
      .filter { $0.key != "NO_COLOR" }.merging(environment) { $1 }
    process.standardInput = Pipe()
    let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
    process.standardOutput = sharesOutput ? terminal : FileHandle.nullDevice
    process.standardError = terminal
    try process.run()
    close(slave)

    var text = Data()
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      // With the last open end of the other side the terminal answers with an error.
      let count = unsafe read(master, &block, block.count)
      if count <= 0 { break }
      text += block[..<count]
    }
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }
}
