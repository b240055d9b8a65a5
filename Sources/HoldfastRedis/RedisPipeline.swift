internal import Holdfast

/// Commands that are sent together. Nothing of others comes between them, but they are no
/// transaction: each is done whatever became of the one before it, and keys may change in between.
public struct RedisPipeline: Sendable {
  /// All arguments of all commands, one after the other.
  private(set) var bytes: [UInt8] = []
  /// How many bytes each argument has.
  private(set) var lengths: [Int] = []
  /// How many arguments each command has.
  private(set) var counts: [Int] = []
  /// Whether all are repeatable. Then the whole is sent again after a loss, else nothing of it.
  private(set) var isRepeatable = true
  /// The first that cannot be among others.
  private(set) var misplaced: RedisCommand?

  init() {}

  init(_ commands: some Sequence<RedisCommand>) {
    for command in commands { append(command) }
  }

  /// How many commands there are.
  public var count: Int { counts.count }

  /// Adds a command; its reply has the place that `count` was.
  public mutating func append(_ command: RedisCommand) {
    if command.place != .anywhere, misplaced == nil { misplaced = command }
    bytes.append(contentsOf: command.bytes)
    lengths.append(contentsOf: command.lengths)
    counts.append(command.lengths.count)
    isRepeatable = isRepeatable && command.isRepeatable
  }

  /// Adds a command by its name: see ``RedisCommand/init(_:_:isRepeatable:)``.
  public mutating func append(
    _ name: String, _ arguments: RedisArgument..., isRepeatable: Bool = false
  ) {
    append(RedisCommand(name, arguments: arguments, isRepeatable: isRepeatable))
  }

  /// Between MULTI and EXEC.
  var asTransaction: RedisPipeline {
    var whole = RedisPipeline()
    whole.counts.reserveCapacity(count + 2)
    whole.add("MULTI")
    whole.bytes.append(contentsOf: bytes)
    whole.lengths.append(contentsOf: lengths)
    whole.counts.append(contentsOf: counts)
    whole.add("EXEC")
    whole.isRepeatable = isRepeatable
    return whole
  }

  private mutating func add(_ name: String) {
    bytes.append(contentsOf: name.utf8)
    lengths.append(name.utf8.count)
    counts.append(1)
  }

  /// How many commands the C part takes at once, with two for a transaction.
  static let most = 65_536 - 2

  func check() throws(StorageError) {
    if let misplaced { throw misplaced.misplaced() }
    try checkCount()
  }

  func checkCount() throws(StorageError) {
    guard count <= Self.most else {
      throw StorageError(
        .invalidArgument, "\(count) commands are more than the \(Self.most) that go together")
    }
  }
}
