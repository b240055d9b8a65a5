internal import Holdfast

/// The connections that have one user at a time. Who comes when all are in use waits in order.
final class RedisPool: Sendable {
  private struct State {
    var isClosed = false
    /// Connected or to be connected, in use by nobody.
    var idle: [RedisLink] = []
    /// In use.
    var busy: [ObjectIdentifier: RedisLink] = [:]
    /// Room that was promised to those who are opening a link now.
    var opening = 0
    var waiting: [Waiting] = []
  }

  /// Someone who waits for a connection.
  private struct Waiting {
    let number: UInt64
    let continuation: CheckedContinuation<Grant, Never>
  }

  private enum Grant: Sendable {
    case link(RedisLink)
    /// Room to open one.
    case room
    case failed(StorageError)
  }

  private let options: RedisOptions
  private let state = Guarded(State())
  private let numbers = Guarded<UInt64>(0)

  init(_ options: RedisOptions) { self.options = options }

  /// A connection of one's own, to be given back by ``giveBack(_:isClean:)``. Waits as long as one
  /// attempt of a command may take, but no longer than `deadline`.
  func take(in session: RedisSession, deadline: Duration?) async throws(StorageError) -> RedisLink {
    let number = numbers.withLock { number in
      number += 1
      return number
    }
    let timeout = min(options.timeout, deadline ?? options.timeout)
    // Only runs out when there is none: what is at hand is granted at once.
    let timer = Guarded<Task<Void, Never>?>(nil)
    let grant = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waiting = Waiting(number: number, continuation: continuation)
        if let grant = ask(waiting) {
          continuation.resume(returning: grant)
          return
        }
        // The task may have been cancelled before there was anything to cancel.
        if Task.isCancelled { abandon(number, Self.cancelled) }
        // A time-out, made only by who has to wait. The loop's timers know requests, and this is none
        // yet. One that runs on after its waiter was served finds nobody under its number.
        let expiry = Task { [weak self] in
          do { try await Task.sleep(for: timeout) } catch { return }
          self?.abandon(
            number, StorageError(.timedOut, "all connections of its kind were in use all the time"))
        }
        timer.withLock { $0 = expiry }
      }
    } onCancel: {
      abandon(number, Self.cancelled)
    }
    timer.withLock { $0 }?.cancel()

    switch grant {
    case .failed(let error): throw error
    case .link(let link): return link
    case .room:
      do throws(StorageError) {
        let link = try session.open { loop throws(StorageError) in
          try RedisLink(loop, options, .dedicated)
        }
        try enter(link)
        return link
      } catch {
        leaveRoom()
        throw error
      }
    }
  }

  /// `isClean`: nothing is due on it, and it remembers nothing. One that is not is closed.
  func giveBack(_ link: RedisLink, isClean: Bool) {
    let (isKept, next) = state.withLock { state -> (Bool, Waiting?) in
      guard state.busy.removeValue(forKey: ObjectIdentifier(link)) != nil, !state.isClosed else {
        return (false, nil)
      }
      guard !state.waiting.isEmpty else {
        if isClean { state.idle.append(link) }
        return (isClean, nil)
      }
      if isClean { state.busy[ObjectIdentifier(link)] = link } else { state.opening += 1 }
      return (isClean, state.waiting.removeFirst())
    }
    if !isKept { link.close() }
    next?.continuation.resume(returning: isKept ? .link(link) : .room)
  }

  /// Those who wait are told so; what was open is returned, to be closed.
  func close() -> [RedisLink] {
    let (links, waiting) = state.withLock { state in
      defer { state = State(isClosed: true) }
      return (state.idle + state.busy.values, state.waiting)
    }
    for one in waiting { one.continuation.resume(returning: .failed(RedisStatus.closed)) }
    return links
  }

  /// `nil`: it waits.
  private func ask(_ waiting: Waiting) -> Grant? {
    let most = options.dedicatedConnections
    return state.withLock { state in
      guard !state.isClosed else { return .failed(RedisStatus.closed) }
      if let link = state.idle.popLast() {
        state.busy[ObjectIdentifier(link)] = link
        return .link(link)
      }
      if state.busy.count + state.opening < most {
        state.opening += 1
        return .room
      }
      state.waiting.append(waiting)
      return nil
    }
  }

  private func abandon(_ number: UInt64, _ error: StorageError) {
    let waiting = state.withLock { state -> Waiting? in
      guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return nil }
      return state.waiting.remove(at: index)
    }
    waiting?.continuation.resume(returning: .failed(error))
  }

  /// Uses the room.
  private func enter(_ link: RedisLink) throws(StorageError) {
    let isOpen = state.withLock { state in
      guard !state.isClosed else { return false }
      state.opening -= 1
      state.busy[ObjectIdentifier(link)] = link
      return true
    }
    guard isOpen else {
      link.close()
      throw RedisStatus.closed
    }
  }

  /// Gives the room to the next, since nothing came of it.
  private func leaveRoom() {
    let next = state.withLock { state -> Waiting? in
      guard !state.isClosed else { return nil }
      guard !state.waiting.isEmpty else {
        state.opening -= 1
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.continuation.resume(returning: .room)
  }

  private static var cancelled: StorageError {
    StorageError(.cancelled, "the task was cancelled while it waited for a connection")
  }
}
