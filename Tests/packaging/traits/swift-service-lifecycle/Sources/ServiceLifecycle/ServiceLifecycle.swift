// The real ones have the words.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import Synchronization

public protocol Service: Sendable {
  func run() async throws
}

/// The shut-down of everything there is: the real one belongs to a group.
public enum Shutdown {
  private static let waiters = Mutex<(began: Bool, streams: [AsyncStream<Void>.Continuation])>(
    (false, []))

  public static func begin() {
    waiters.withLock { state in
      state.began = true
      for stream in state.streams { stream.finish() }
    }
  }

  fileprivate static func whenBegun() async {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    waiters.withLock { state in
      if state.began { continuation.finish() } else { state.streams.append(continuation) }
    }
    for await _ in stream {}
  }
}

public func cancelWhenGracefulShutdown<T: Sendable>(
  _ operation: @Sendable @escaping () async throws -> T
) async rethrows -> T {
  try await withThrowingTaskGroup(of: T?.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      await Shutdown.whenBegun()
      return nil
    }
    while let result = try await group.next() {
      group.cancelAll()
      if let result { return result }
    }
    throw CancellationError()
  }
}
