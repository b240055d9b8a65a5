internal import Holdfast

extension RedisCommand {
  /// Which connection a command may go on.
  enum Place: Sendable, Hashable {
    /// Any, beside the commands of others.
    case anywhere
    /// One of its own, because the server answers later, and nothing else meanwhile. `most`: how
    /// long the server may take; `nil`: it does not say, or for ever.
    case blocking(most: Duration?)
    /// The one that its user's writes went over, so one of its own: the server answers when those
    /// have reached others. `most` is as for `blocking`.
    case waiting(most: Duration?)
    /// One of its own, because the connection remembers it: `withTransaction` and `withConnection`.
    case remembered
    /// None: it would change what the replies look like, or how many there are.
    case nowhere(instead: String)

    /// Of a command by its name. Commands of which this knows nothing go anywhere.
    init(of name: String, _ arguments: [RedisArgument]) {
      switch name.uppercased() {
      case "BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX":
        self = .blocking(most: Self.seconds(arguments.last))
      case "BLMPOP", "BZMPOP": self = .blocking(most: Self.seconds(arguments.first))
      case "WAIT", "WAITAOF": self = .waiting(most: Self.milliseconds(arguments.last))
      case "XREAD", "XREADGROUP":
        // The streams' names come after STREAMS; a group may be called BLOCK.
        let options = arguments.prefix { !Self.word($0, is: "STREAMS") }
        guard let block = options.lastIndex(where: { Self.word($0, is: "BLOCK") }) else {
          self = .anywhere
          return
        }
        self = .blocking(most: Self.milliseconds(options.dropFirst(block + 1).first))
      case "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "SELECT", "AUTH", "READONLY",
        "READWRITE",
        "ASKING":
        self = .remembered
      case "CLIENT":
        switch arguments.first.map(Self.text) {
        case "REPLY": self = .nowhere(instead: "a pipeline gathers replies")
        case "TRACKING", "CACHING", "NO-EVICT", "NO-TOUCH", "SETNAME", "SETINFO": self = .remembered
        default: self = .anywhere
        }
      case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
        self = .nowhere(instead: "use subscribe(to:patterns:)")
      case "HELLO", "RESET", "QUIT":
        self = .nowhere(instead: "the options say how a connection begins")
      case "MONITOR", "SYNC", "PSYNC":
        self = .nowhere(instead: "its stream is no reply")
      default: self = .anywhere
      }
    }

    private static func text(_ argument: RedisArgument) -> String {
      var bytes: [UInt8] = []
      _ = argument.append(to: &bytes)
      return String(decoding: bytes, as: UTF8.self).uppercased()
    }

    private static func word(_ argument: RedisArgument, is word: String) -> Bool {
      text(argument) == word
    }

    /// 0 is for ever; a number that is none is refused by the server at once.
    private static func seconds(_ argument: RedisArgument?) -> Duration? {
      guard let number = argument.flatMap({ Double(text($0)) }), number > 0, number < 1e9 else {
        return nil
      }
      return .seconds(number)
    }

    private static func milliseconds(_ argument: RedisArgument?) -> Duration? {
      guard let number = argument.flatMap({ Int64(text($0)) }), number > 0 else { return nil }
      return .milliseconds(number)
    }
  }

  /// That it cannot go where it was to go.
  func misplaced() -> StorageError {
    let name = String(decoding: bytes.prefix(lengths[0]), as: UTF8.self)
    switch place {
    case .nowhere(let instead):
      return StorageError(.invalidArgument, "\(name) cannot be sent: \(instead)")
    case .blocking:
      return StorageError(
        .invalidArgument, "\(name) would hold up all others here: send it by itself")
    case .waiting:
      return StorageError(
        .invalidArgument,
        "\(name) is about the writes of one connection: send it by itself, in withConnection")
    default:
      return StorageError(
        .invalidArgument,
        "\(name) needs a connection of its own: use withTransaction or withConnection")
    }
  }
}
