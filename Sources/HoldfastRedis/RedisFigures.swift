internal import CHoldfastRedis

/// Figures of the connection that all commands share: sums since it was first opened, but for what
/// waits.
public struct RedisFigures: Sendable, Hashable {
  /// Connections that came up.
  public var connections: UInt64 = 0
  /// Attempts to connect that did not.
  public var connectFailures: UInt64 = 0
  /// Connections that were up, and were lost.
  public var losses: UInt64 = 0
  /// Commands, and groups of commands, that were taken.
  public var requests: UInt64 = 0
  /// Of these, those that the server answered in time.
  public var replied: UInt64 = 0
  /// Attempts after the first.
  public var retries: UInt64 = 0
  /// Of these, those whose time was over.
  public var expired: UInt64 = 0
  /// Replies that came when nobody waited for them any more.
  public var lateReplies: UInt64 = 0
  /// To the server.
  public var bytesSent: UInt64 = 0
  /// From the server.
  public var bytesReceived: UInt64 = 0
  /// Requests that wait or are under way now.
  public var waiting: UInt64 = 0
  /// Their bytes.
  public var waitingBytes: UInt64 = 0
}

extension RedisFigures {
  init(_ figures: hf_redis_figures) {
    connections = figures.connections
    connectFailures = figures.connect_failures
    losses = figures.losses
    requests = figures.requests
    replied = figures.replied
    retries = figures.retries
    expired = figures.expired
    lateReplies = figures.late_replies
    bytesSent = figures.bytes_sent
    bytesReceived = figures.bytes_received
    waiting = figures.waiting
    waitingBytes = figures.waiting_bytes
  }
}
