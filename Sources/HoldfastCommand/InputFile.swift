import Glibc

/// Small files that are read as a whole.
enum InputFile {
  static let largestBytes = 16 * 1024 * 1024

  static func open(_ path: String) throws(CommandFailure) -> Int32 {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw CommandFailure("cannot open \(path): \(systemMessage(errno))") }
    return descriptor
  }

  static func identity(_ path: String) throws(CommandFailure) -> FileIdentity? {
    let descriptor = try open(path)
    defer { close(descriptor) }
    return FileIdentity(descriptor)
  }

  static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
    let descriptor = try open(path)
    defer { close(descriptor) }
    guard let bytes = readAll(descriptor, atMost: largestBytes + 1) else {
      throw CommandFailure("cannot read \(path): \(systemMessage(errno))")
    }
    if bytes.count > largestBytes {
      throw CommandFailure("\(path) is larger than \(largestBytes / 1024 / 1024) MiB")
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
    guard unsafe fstat(descriptor, &status) == 0, (status.st_mode & S_IFMT) == S_IFREG else {
      return nil
    }
    self.device = UInt64(status.st_dev)
    self.number = UInt64(status.st_ino)
  }
}
