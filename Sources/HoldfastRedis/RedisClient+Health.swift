public import Holdfast

extension RedisClient {
  /// How the server is: a `PING` with one attempt, and how long its reply took. While there is no
  /// connection the answer comes at once, and says since when, and why. Where nothing was opened
  /// yet this does.
  public func health() async -> StorageHealth {
    do throws(StorageError) {
      let shared = try session().shared
      let status = shared.events.status
      if status.state == .down {
        return StorageHealth(.unhealthy, reason: Self.reason(status), details: details(status))
      }
      var terms = try options.terms(repeatable: true)
      terms.attempts = 1
      let start = ContinuousClock.now
      let reply = try await shared.answer(to: .ping(), terms).result.get()
      let latency = start.duration(to: .now)
      let details = details(shared.events.status)
      // Who may not PING had an answer all the same.
      if case .fault(let fault) = reply, fault.prefix != "NOPERM" {
        return StorageHealth(.unhealthy, reason: fault.text, latency: latency, details: details)
      }
      return StorageHealth(.healthy, latency: latency, details: details)
    } catch {
      guard let status = opened.session?.shared.events.status else {
        return StorageHealth(.unhealthy, reason: error.message)
      }
      let reason = status.state == .up ? error.message : Self.reason(status)
      return StorageHealth(.unhealthy, reason: reason, details: details(status))
    }
  }

  private static func reason(_ status: RedisLinkEvents.Status) -> String {
    let seconds = status.since.duration(to: .now).components.seconds
    return "not connected for \(seconds) s: \(status.reason)"
  }

  private func details(_ status: RedisLinkEvents.Status) -> [String: String] {
    let figures = figures
    return [
      "address": options.description,
      "connected": status.state == .up ? "true" : "false",
      "connections": String(figures.connections),
      "connect_failures": String(figures.connectFailures),
      "losses": String(figures.losses),
      "waiting": String(figures.waiting),
      "retries": String(figures.retries),
      "expired": String(figures.expired),
      "late_replies": String(figures.lateReplies),
    ]
  }
}
