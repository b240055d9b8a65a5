#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Android)
  import Android
#endif

/// The errors of others. Most are known by what every error carries, a domain and a code, or by the
/// name of their type, so that the library depends on none of those whose errors it knows.
extension Transient {
  static func isTransient(foreign error: any Error) -> Bool {
    // Of an error without a domain of its own it is the name of its type, with the module.
    switch error._domain {
    case "NSPOSIXErrorDomain":
      return isTransient(errno: error._code)
    case "System.Errno", "SystemPackage.Errno":
      guard let raw = (error as? any RawRepresentable)?.rawValue as? CInt else { return false }
      return isTransient(errno: Int(raw))
    // These have no domain of their own where there is no Objective-C. (Asked for a `CocoaError`, an
    // `NSError` of any domain says that it is one.)
    case "FoundationEssentials.POSIXError":
      return (error as? POSIXError).map { isTransient(errno: Int($0.code.rawValue)) } ?? false
    case "FoundationEssentials.CocoaError":
      return (error as? CocoaError).map { cocoaCodes.contains($0.code.rawValue) } ?? false
    case "NSURLErrorDomain":
      return urlCodes.contains(error._code)
    case "NSCocoaErrorDomain":
      return cocoaCodes.contains(error._code)
    case "NIOCore.IOError", "NIOPosix.NIOConnectionError":
      return true
    case "NIOCore.ChannelError":
      let words = "\(error)".lowercased().filter(\.isLetter)
      return channelErrors.contains { words.hasPrefix($0) }
    case "AsyncHTTPClient.HTTPClientError":
      return clientErrors.contains("\(error)")
    default:
      return false
    }
  }

  private static func isTransient(errno code: Int) -> Bool {
    switch CInt(truncatingIfNeeded: code) {
    case ECONNREFUSED, ECONNRESET, ECONNABORTED, ENOTCONN, EPIPE, ETIMEDOUT, ENETDOWN, ENETUNREACH,
      ENETRESET, EHOSTDOWN, EHOSTUNREACH:
      true
    case EIO, EAGAIN, EINTR, EBUSY, ESTALE, ENFILE, EMFILE, ENOBUFS:
      true
    default:
      false
    }
  }

  /// `timedOut`, `cannotFindHost`, `cannotConnectToHost`, `networkConnectionLost`, `dnsLookupFailed`,
  /// `notConnectedToInternet`, `secureConnectionFailed`: not `cancelled`, -999, nor what certificates are
  /// refused for, -1201 to -1204.
  private static let urlCodes = [-1001, -1003, -1004, -1005, -1006, -1009, -1200]

  /// `fileLocking`, `fileReadUnknown`, `fileWriteUnknown`.
  private static let cocoaCodes = [255, 256, 512]

  /// How the descriptions begin, letters only: some versions have the case's name, others words. What
  /// follows is a value.
  private static let channelErrors = [
    "connecttimeout", "ioonclosedchannel", "alreadyclosed", "outputclosed", "inputclosed", "eof",
    "endoffile",
  ]

  private static let clientErrors = [
    "HTTPClientError.connectTimeout", "HTTPClientError.readTimeout", "HTTPClientError.writeTimeout",
    "HTTPClientError.deadlineExceeded", "HTTPClientError.remoteConnectionClosed",
    "HTTPClientError.getConnectionFromPoolTimeout", "HTTPClientError.tlsHandshakeTimeout",
    "HTTPClientError.socksHandshakeTimeout", "HTTPClientError.httpProxyHandshakeTimeout",
  ]
}
