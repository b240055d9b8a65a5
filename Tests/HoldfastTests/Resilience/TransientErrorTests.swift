import CHoldfast
import Foundation
import Testing

@testable import Holdfast

@Suite struct TransientErrorTests {
  struct Answer: HTTPStatusError { let httpStatus: Int }
  struct Own: TransientError { let isTransient: Bool }
  struct Both: TransientError, HTTPStatusError {
    let isTransient: Bool
    let httpStatus: Int
  }
  struct Other: Error {}

  /// Errors of packages that are not here, by what they can be known by.
  struct Foreign: Error, CustomStringConvertible {
    let _domain: String
    let description: String
  }

  @Test(arguments: [
    (408, true), (425, true), (429, true), (502, true), (503, true), (504, true), (200, false),
    (304, false), (400, false), (401, false), (403, false), (404, false), (409, false),
    (424, false), (426, false), (428, false), (430, false), (499, false), (500, false),
    (501, false), (505, false), (599, false), (0, false), (-1, false),
  ])
  func `an HTTP status says so when the request was not dealt with`(status: Int, expected: Bool) {
    #expect(Transient.isTransient(Answer(httpStatus: status)) == expected)
    #expect(Transient.isTransient(httpStatus: status) == expected)
  }

  @Test func `an error may say so itself, whatever else it says`() {
    #expect(Transient.isTransient(Own(isTransient: true)))
    #expect(!Transient.isTransient(Own(isTransient: false)))
    #expect(Transient.isTransient(Both(isTransient: true, httpStatus: 404)))
    #expect(!Transient.isTransient(Both(isTransient: false, httpStatus: 503)))
  }

  @Test(arguments: [
    (StorageError.Code.notConnected, true), (.timedOut, true), (.connectionLost, true),
    (.cancelled, false), (.refused, false), (.queueFull, false), (.wrongType, false),
    (.notAnInteger, false), (.overflow, false), (.protocolViolation, false), (.server, false),
    (.notDecodable, false), (.notEncodable, false), (.invalidArgument, false), (.file, false),
  ])
  func `a storage's error does when it is about the connection`(
    code: StorageError.Code, expected: Bool
  ) {
    #expect(Transient.isTransient(StorageError(code, "")) == expected)
    #expect(Transient.isTransient(StorageError(code, "", outcome: .unknown)) == expected)
  }

  @Test func `cancellation and refusals of one's own do not`() {
    #expect(!Transient.isTransient(CancellationError()))
    #expect(!Transient.isTransient(CircuitOpenError(breaker: "b", retryAfter: .seconds(1))))
    #expect(!Transient.isTransient(Other()))
    #expect(
      !Transient.isTransient(
        CircuitBreakerError<Answer>.open(CircuitOpenError(breaker: "b", retryAfter: nil))))
    #expect(Transient.isTransient(CircuitBreakerError.body(Answer(httpStatus: 503))))
    #expect(!Transient.isTransient(CircuitBreakerError.body(Answer(httpStatus: 404))))
  }

  @Test func `errors of the core do when they are about time or files`() {
    for (status, expected) in [
      (HF_ERROR_TIMED_OUT, true), (HF_ERROR_IO, true), (HF_ERROR_INVALID_ARGUMENT, false),
      (HF_ERROR_CIRCUIT_OPEN, false), (HF_ERROR_RETRIES_EXHAUSTED, false),
      (HF_ERROR_RATE_LIMITED, false), (HF_ERROR_BULKHEAD_FULL, false),
    ] {
      #expect(Transient.isTransient(HoldfastError(status, message: "")) == expected)
    }
  }

  @Test(arguments: [
    (POSIXErrorCode.ECONNREFUSED, true), (.ECONNRESET, true), (.ECONNABORTED, true),
    (.ENOTCONN, true), (.EPIPE, true), (.ETIMEDOUT, true), (.ENETDOWN, true), (.ENETUNREACH, true),
    (.ENETRESET, true), (.EHOSTDOWN, true), (.EHOSTUNREACH, true), (.EIO, true), (.EAGAIN, true),
    (.EINTR, true), (.EBUSY, true), (.ESTALE, true), (.ENFILE, true), (.EMFILE, true),
    (.ENOBUFS, true), (.ENOENT, false), (.EACCES, false), (.EPERM, false), (.EINVAL, false),
    (.ENOSPC, false), (.EROFS, false), (.EEXIST, false), (.EISDIR, false), (.ECANCELED, false),
    (.ENOMEM, false),
  ])
  func `a POSIX error does by its number`(code: POSIXErrorCode, expected: Bool) {
    #expect(Transient.isTransient(POSIXError(code)) == expected)
    #expect(
      Transient.isTransient(NSError(domain: NSPOSIXErrorDomain, code: Int(code.rawValue)))
        == expected)
  }

  @Test(arguments: [
    (URLError.Code.timedOut, true), (.cannotFindHost, true), (.cannotConnectToHost, true),
    (.networkConnectionLost, true), (.dnsLookupFailed, true), (.notConnectedToInternet, true),
    (.secureConnectionFailed, true), (.cancelled, false), (.badURL, false),
    (.unsupportedURL, false), (.badServerResponse, false), (.userAuthenticationRequired, false),
    (.serverCertificateUntrusted, false), (.serverCertificateHasBadDate, false),
    (.dataNotAllowed, false),
  ])
  func `an error of a URL does by its code`(code: URLError.Code, expected: Bool) {
    #expect(Transient.isTransient(URLError(code)) == expected)
    #expect(
      Transient.isTransient(NSError(domain: NSURLErrorDomain, code: code.rawValue)) == expected)
  }

  @Test(arguments: [
    (CocoaError.Code.fileReadUnknown, true), (.fileWriteUnknown, true), (.fileLocking, true),
    (.fileReadNoSuchFile, false), (.fileReadNoPermission, false), (.fileWriteOutOfSpace, false),
    (.userCancelled, false),
  ])
  func `an error of Cocoa does where its reason is unknown`(code: CocoaError.Code, expected: Bool) {
    #expect(Transient.isTransient(CocoaError(code)) == expected)
    #expect(
      Transient.isTransient(NSError(domain: NSCocoaErrorDomain, code: code.rawValue)) == expected)
  }

  @Test(arguments: [
    ("NIOCore.IOError", "connection reset (errno: 104)", true),
    ("NIOPosix.NIOConnectionError", "", true),
    ("NIOCore.ChannelError", "connectTimeout(NIOCore.TimeAmount(nanoseconds: 10))", true),
    ("NIOCore.ChannelError", "Connect timeout (TimeAmount(nanoseconds: 10))", true),
    ("NIOCore.ChannelError", "ioOnClosedChannel", true),
    ("NIOCore.ChannelError", "I/O on closed channel", true),
    ("NIOCore.ChannelError", "alreadyClosed", true),
    ("NIOCore.ChannelError", "Already closed", true),
    ("NIOCore.ChannelError", "eof", true),
    ("NIOCore.ChannelError", "End of file", true),
    ("NIOCore.ChannelError", "Operation unsupported", false),
    ("NIOCore.ChannelError", "writeMessageTooLarge", false),
    ("AsyncHTTPClient.HTTPClientError", "HTTPClientError.connectTimeout", true),
    ("AsyncHTTPClient.HTTPClientError", "HTTPClientError.readTimeout", true),
    ("AsyncHTTPClient.HTTPClientError", "HTTPClientError.deadlineExceeded", true),
    ("AsyncHTTPClient.HTTPClientError", "HTTPClientError.remoteConnectionClosed", true),
    ("AsyncHTTPClient.HTTPClientError", "HTTPClientError.cancelled", false),
    ("AsyncHTTPClient.HTTPClientError", "HTTPClientError.invalidURL", false),
    ("Mine.IOError", "connection reset", false),
  ])
  func `errors of packages do by the name of their type`(
    domain: String, description: String, expected: Bool
  ) {
    #expect(
      Transient.isTransient(Foreign(_domain: domain, description: description)) == expected)
  }

  struct Number: Error, RawRepresentable {
    let rawValue: CInt
    var _domain: String { "SystemPackage.Errno" }
  }

  @Test func `an Errno does by its number`() {
    #expect(Transient.isTransient(Number(rawValue: ECONNREFUSED)))
    #expect(!Transient.isTransient(Number(rawValue: ENOENT)))
    #expect(!Transient.isTransient(Foreign(_domain: "System.Errno", description: "no number")))
  }
}
