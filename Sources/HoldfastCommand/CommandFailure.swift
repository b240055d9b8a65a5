/// Why a command ends without doing what it was asked to: one message, exit status 2.
struct CommandFailure: Error {
  let message: String
  /// After the message: how the command is used.
  var usage: String?

  init(_ message: String, usage: String? = nil) {
    self.message = message
    self.usage = usage
  }

  /// The failure that any error is to the command.
  init(_ error: any Error) {
    self = error as? CommandFailure ?? CommandFailure("\(error)")
  }
}

/// What the process answers.
enum ExitStatus {
  static let success: Int32 = 0
  /// `eval`: false; `check`: problems.
  static let negative: Int32 = 1
  static let failure: Int32 = 2
  /// As shells report a process that a signal ended.
  static func interrupted(by signal: Int32) -> Int32 { 128 + signal }
}
