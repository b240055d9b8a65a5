#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Android)
  import Android
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that appears whole or not at all, and its bytes.
enum SnapshotFile {
  /// Replaces the file: the bytes go into another one beside it, which takes its name once they are on
  /// the disk. Whenever the machine stops, there is the old file or the new one.
  ///
  /// - Throws: ``StorageError/Code/file``; the old file is as it was then.
  static func replace(_ path: String, with bytes: [UInt8]) throws(StorageError) {
    // A name of its own: others may be saving to the same path.
    let part = path + "." + String(UInt64.random(in: 0 ... .max), radix: 36)
    let file = try descriptor(part, O_WRONLY | O_CREAT | O_EXCL, called: path, to: "write")
    var failure = writeAll(bytes, to: file)
    if failure == nil, fsync(file) != 0 { failure = errno }
    if close(file) != 0, failure == nil, errno != EINTR { failure = errno }
    if failure == nil, unsafe rename(part, path) != 0 { failure = errno }
    if let failure {
      unsafe unlink(part)
      throw error("write", path, failure)
    }
    synchronizeDirectory(of: path)
  }

  /// The bytes of a file, unless its first ones show that it is none of ours.
  ///
  /// - Parameters:
  ///   - headBytes: how many `check` wants to see before memory is taken for the rest.
  ///   - check: is given them, fewer where the file is shorter, and how many bytes there are in all.
  /// - Throws: ``StorageError/Code/file``, or what `check` throws.
  static func bytes(
    of path: String, headBytes: Int, check: ([UInt8], Int) throws(StorageError) -> Void
  ) throws(StorageError) -> [UInt8] {
    // A pipe would be waited for otherwise.
    let file = try descriptor(path, O_RDONLY | O_NONBLOCK, called: path, to: "read")
    defer { close(file) }
    var about = stat()
    guard unsafe fstat(file, &about) == 0 else { throw error("read", path, errno) }
    guard about.st_mode & S_IFMT == S_IFREG else {
      throw StorageError(.file, "'\(path.onOneLine)' is no file")
    }
    let length = Int(clamping: about.st_size)
    let head = try readAll(file, atMost: min(headBytes, length), path)
    try check(head, length)
    // One byte more: a file that grows meanwhile is too long.
    return head + (try readAll(file, atMost: length - head.count + 1, path))
  }

  private static func descriptor(
    _ name: String, _ flags: Int32, called path: String, to action: String
  ) throws(StorageError) -> Int32 {
    // The system would take the name to end there.
    guard !path.utf8.contains(0) else {
      throw StorageError(.file, "'\(path.onOneLine)' is no name of a file")
    }
    while true {
      let file = unsafe open(name, flags | O_CLOEXEC, 0o600)
      if file >= 0 { return file }
      if errno != EINTR { throw error(action, path, errno) }
    }
  }

  /// What went wrong; `nil`: nothing.
  private static func writeAll(_ bytes: [UInt8], to file: Int32) -> Int32? {
    unsafe bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        // Safe: from there on so many bytes are left.
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
        let written = unsafe write(file, rest.baseAddress, rest.count)
        if written >= 0 {
          done += written
        } else if errno != EINTR {
          return errno
        }
      }
      return nil
    }
  }

  private static func readAll(
    _ file: Int32, atMost limit: Int, _ path: String
  ) throws(StorageError) -> [UInt8] {
    var failure: Int32?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      // Safe: `count` says how many were read, from the beginning, into so much room.
      while count < limit {
        let rest = unsafe UnsafeMutableBufferPointer(rebasing: buffer[count...])
        let got = unsafe read(file, rest.baseAddress, rest.count)
        if got > 0 {
          count += got
        } else if got == 0 {
          return
        } else if errno != EINTR {
          failure = errno
          return
        }
      }
    }
    if let failure { throw error("read", path, failure) }
    return bytes
  }

  /// So that the new name outlives a crash. Some file systems cannot, and need not.
  private static func synchronizeDirectory(of path: String) {
    var directory = "."
    if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
      directory = slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }
    let file = unsafe open(directory, O_RDONLY | O_CLOEXEC, 0)
    guard file >= 0 else { return }
    fsync(file)
    close(file)
  }

  private static func error(_ action: String, _ path: String, _ number: Int32) -> StorageError {
    // Safe: a text that stays until the thread asks for another.
    let reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    return StorageError(.file, "cannot \(action) '\(path.onOneLine)': \(reason)")
  }
}
