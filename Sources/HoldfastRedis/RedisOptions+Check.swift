internal import Holdfast

extension RedisOptions {
  /// Says what is outside its range.
  func check() throws(StorageError) {
    switch address {
    case .tcp(let host, let port), .tls(let host, let port):
      try require(!host.isEmpty && !host.utf8.contains(0), "the host is a name or an address")
      try require(Self.ports.contains(port), "the port is from 1 to 65535")
    case .unix(let path):
      try require(!path.isEmpty && !path.utf8.contains(0), "the socket's path is empty")
    }
    try require(user == nil || password != nil, "a user needs a password")
    try require(Self.databases.contains(database), "the database is a number from 0 on")
    try require(
      clientName.map { !$0.isEmpty && $0.utf8.allSatisfy { (33...126).contains($0) } } ?? true,
      "the client's name is printable ASCII without spaces")
    try require(
      (tls.certificatePath == nil) == (tls.keyPath == nil),
      "a client certificate needs its key, and a key its certificate")
    try require(timeout.positiveNanoseconds != nil, "the timeout is above zero")
    try require((1...Int(UInt32.max)).contains(attempts), "there is 1 attempt at least")
    try require(retryDelay.positiveNanoseconds != nil, "the retry delay is above zero")
    try require(connectTimeout.positiveNanoseconds != nil, "the connect timeout is above zero")
    try require(
      mostWaiting > 0 && mostWaitingBytes > 0 && mostReplyBytes > 0 && dedicatedConnections > 0,
      "limits are 1 or more")
  }

  private func require(_ condition: Bool, _ rule: String) throws(StorageError) {
    guard condition else { throw StorageError(.invalidArgument, "Redis options: \(rule)") }
  }
}

extension Duration {
  /// In nanoseconds, rounded up; `nil`: it is not above zero, or beyond 584 years.
  var positiveNanoseconds: UInt64? {
    guard self > .zero else { return nil }
    return wholeNanoseconds
  }
}
