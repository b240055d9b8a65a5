import Glibc

/// Opening what is read, and reading small files as a whole.
enum InputFile {
  static let largestBytes = 16 * 1024 * 1024

  /// For reading whenever poll says so: a named pipe that nobody writes to yet is waited for there,
  /// and not here, where a signal could not end the wait.
  static func open(_ path: String) throws(CommandFailure) -> Int32 {
    try open(path, O_NONBLOCK)
  }

  private static func open(_ path: String, _ flags: Int32) throws(CommandFailure) -> Int32 {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | flags)
    if descriptor < 0 { throw failure("open", path) }
    return descriptor
  }

  private static func failure(_ verb: String, _ path: String) -> CommandFailure {
    let reason = systemMessage(errno)
    return CommandFailure("cannot \(verb) \(Messages.visible(path)): \(reason)")
  }

  static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
    let descriptor = try open(path, 0)
    defer { close(descriptor) }
    guard let bytes = readAll(descriptor, atMost: largestBytes + 1) else {
      throw failure("read", path)
    }
    if bytes.count > largestBytes {
      throw CommandFailure(
        "\(Messages.visible(path)) is larger than \(largestBytes / 1024 / 1024) MiB")
    }
    return bytes
  }

  /// - Returns: at most `limit` bytes; `nil` when reading fails, with the reason in `errno`.
  static func readAll(_ descriptor: Int32, atMost limit: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let step = min(64 * 1024, limit - bytes.count)
      var count = 0
      let block = unsafe [UInt8](unsafeUninitializedCapacity: step) { buffer, initialized in
        unsafe count = Glibc.read(descriptor, buffer.baseAddress, step)
        initialized = max(0, count)
      }
      if count < 0 {
        if errno == EINTR, Interruption.signal == nil { continue }
        return nil
      }
      if count == 0 { break }
      bytes += block
    }
    return bytes
  }
}

/// Which file it is, by whatever name.
struct FileIdentity: Equatable {
  private let device: UInt64
  private let number: UInt64

  /// - Returns: `nil` where it is no ordinary file.
  init?(_ descriptor: Int32) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  /// Without opening it, which would wait where it is a named pipe.
  init?(path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  private init?(_ status: stat) {
    guard (status.st_mode & S_IFMT) == S_IFREG else { return nil }
    self.device = UInt64(status.st_dev)
    self.number = UInt64(status.st_ino)
  }
}
