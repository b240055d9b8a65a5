/// An error that says itself whether the same call may succeed if it is made again a little later.
///
/// ```swift
/// extension MailError: TransientError {
///   var isTransient: Bool { self == .mailboxBusy || self == .connectionLost }
/// }
/// ```
public protocol TransientError: Error {
  /// Whether another attempt may succeed.
  var isTransient: Bool { get }
}

/// Which errors are worth another attempt, unless ``ResilienceConfiguration/retries`` says otherwise:
/// those of connections, of time-outs, and of input and output.
///
/// | error | worth another attempt |
/// |---|---|
/// | ``TransientError`` | as it says |
/// | ``HTTPStatusError`` | 408, 425, 429, 502, 503, 504: the request was not dealt with, or not yet |
/// | ``StorageError`` | `not_connected`, `timed_out`, `connection_lost` |
/// | ``HoldfastError`` | ``HoldfastError/Code/timedOut``, ``HoldfastError/Code/io`` |
/// | `POSIXError`, `Errno` and the like | those of connections and networks, and `EIO`, `EAGAIN`, `EINTR`, `EBUSY`, `ESTALE`, `ENFILE`, `EMFILE`, `ENOBUFS`, `ETIMEDOUT` |
/// | `URLError` | no connection, a lost one, no answer in time, no address found |
/// | `CocoaError` | a file that could not be read, written or locked for an unknown reason |
/// | of SwiftNIO | `IOError`, `NIOConnectionError`, `ChannelError` about a connection |
/// | of AsyncHTTPClient | `HTTPClientError` about a connection or a time-out |
/// | any other | no |
///
/// So it is not: cancellation; an open circuit, a full bulkhead or a rate limit, which would only be
/// asked more often; a call whose retries are exhausted already; and the status 500, which says that
/// the service has met something that it was not made for, and as a rule will again. Where a service
/// answers 500 when it is overloaded, say so:
///
/// ```swift
/// configuration.retries = { error in
///   (error as? any HTTPStatusError)?.httpStatus == 500 || Transient.isTransient(error)
/// }
/// ```
///
/// Whether a call may be made twice is another question, which no error answers: a request that timed
/// out may have been carried out.
public enum Transient {
  /// Whether an error is worth another attempt: the table above.
  ///
  /// - Complexity: O(1).
  public static func isTransient(_ error: any Error) -> Bool {
    switch error {
    case let error as any TransientError: error.isTransient
    case let error as any HTTPStatusError: isTransient(httpStatus: error.httpStatus)
    default: isTransient(foreign: error)
    }
  }

  /// Whether a request that an HTTP service answered with this status is worth another attempt.
  ///
  /// - Complexity: O(1).
  public static func isTransient(httpStatus: Int) -> Bool {
    switch httpStatus {
    case 408, 425, 429, 502, 503, 504: true
    default: false
    }
  }
}

extension StorageError: TransientError {
  /// Whether the connection failed, or there was no answer in time.
  public var isTransient: Bool {
    code == .notConnected || code == .timedOut || code == .connectionLost
  }
}

extension HoldfastError: TransientError {
  /// Whether there was no answer in time, or a file could not be read or written.
  public var isTransient: Bool { code == .timedOut || code == .io }
}

extension CircuitBreakerError: TransientError {
  /// Whether the error of the body is; an open circuit is not.
  public var isTransient: Bool {
    switch self {
    case .open: false
    case .body(let error): Transient.isTransient(error)
    }
  }
}
