internal import CHoldfastRedis
internal import Holdfast

extension RedisOptions {
  /// What a connection begins with. It asks for an answer in any case, because a server that has no
  /// room for one more client, or misses a certificate, says so with the first.
  var greeting: RedisPipeline {
    var greeting = RedisPipeline()
    if let password {
      let user = self.user.map { [RedisArgument.text($0)] } ?? []
      greeting.append(RedisCommand("AUTH", arguments: user + [.text(password)]))
    }
    if let clientName { greeting.append("CLIENT", "SETNAME", .text(clientName)) }
    if database != 0 { greeting.append("SELECT", .integer(Int64(database))) }
    if greeting.count == 0 { greeting.append("PING") }
    return greeting
  }

  /// As a command's terms, for one that may be repeated or not.
  func terms(repeatable: Bool = false, deadline: Duration? = nil) throws(StorageError)
    -> RedisLink.Terms
  {
    var terms = RedisLink.Terms(
      timeout: timeout.positiveNanoseconds ?? 1, attempts: UInt32(clamping: attempts),
      isRepeatable: repeatable)
    if let deadline {
      guard let nanoseconds = deadline.positiveNanoseconds else {
        throw StorageError(.timedOut, "the deadline was over before it began")
      }
      terms.deadline = nanoseconds
    }
    return terms
  }

  /// As the C part's options, without callbacks. They point to what lives until the body returns.
  func withLinkOptions<Result>(
    _ purpose: RedisLink.Purpose, _ body: (hf_redis_options) -> Result
  ) -> Result {
    var options = unsafe hf_redis_options_default()
    unsafe options.connect_timeout_ns = connectTimeout.positiveNanoseconds ?? 1
    unsafe options.backoff_ns = retryDelay.positiveNanoseconds ?? 1
    unsafe options.backoff_most_ns = max(options.backoff_most_ns, options.backoff_ns)
    unsafe options.most_requests = mostWaiting
    unsafe options.most_request_bytes = mostWaitingBytes
    unsafe options.most_reply_bytes = mostReplyBytes
    switch purpose {
    case .shared:
      // No sooner than commands themselves give up.
      let twice = (timeout.positiveNanoseconds ?? 1).multipliedReportingOverflow(by: 2)
      unsafe options.silence_timeout_ns = max(
        options.silence_timeout_ns, twice.overflow ? .max : twice.partialValue)
    case .dedicated:
      unsafe options.mends_on_demand = true
      unsafe options.silence_timeout_ns = .max
    case .subscriptions:
      unsafe options.pushes = true
      unsafe options.silence_timeout_ns = .max
    }

    var texts: [String?] = [
      nil, nil, tls.authoritiesPath, tls.certificatePath, tls.keyPath, tls.serverName,
    ]
    switch address {
    case .tcp(let host, let port):
      texts[0] = host
      unsafe options.port = UInt16(clamping: port)
    case .tls(let host, let port):
      texts[0] = host
      unsafe options.port = UInt16(clamping: port)
      unsafe options.tls.enabled = true
      unsafe options.tls.insecure = !tls.isVerified
    case .unix(let path): texts[1] = path
    }
    let greeting = greeting
    return unsafe Self.withCStrings(texts) { texts in
      unsafe options.host = texts[0]
      unsafe options.path = texts[1]
      unsafe options.tls.authorities_path = texts[2]
      unsafe options.tls.certificate_path = texts[3]
      unsafe options.tls.key_path = texts[4]
      unsafe options.tls.server_name = texts[5]
      return unsafe greeting.bytes.withUnsafeBytes { bytes in
        unsafe greeting.lengths.withUnsafeBufferPointer { lengths in
          unsafe greeting.counts.withUnsafeBufferPointer { counts in
            if greeting.count > 0, let bytes = bytes.baseAddress, let lengths = lengths.baseAddress,
              let counts = counts.baseAddress
            {
              unsafe options.greeting.bytes = bytes.assumingMemoryBound(to: CChar.self)
              unsafe options.greeting.lengths = lengths
              unsafe options.greeting.counts = counts
              unsafe options.greeting.commands = greeting.count
            }
            return unsafe body(options)
          }
        }
      }
    }
  }

  /// Texts as C has them, until the body returns.
  private static func withCStrings<Result>(
    _ texts: [String?], _ body: ([UnsafePointer<CChar>?]) -> Result
  ) -> Result {
    var bytes: [CChar] = []
    let starts = texts.map { text -> Int? in
      guard let text else { return nil }
      defer {
        bytes.append(contentsOf: text.utf8.map { CChar(bitPattern: $0) })
        bytes.append(0)
      }
      return bytes.count
    }
    return unsafe bytes.withUnsafeBufferPointer { all in
      unsafe body(
        starts.map { start in
          guard let start, let base = all.baseAddress else { return nil }
          return unsafe base + start
        })
    }
  }
}
