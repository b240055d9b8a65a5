/// What a cache knows an entry by: anything that says its bytes.
///
/// Strings, integers and arrays of bytes are keys, and so is a `RawSpan`, which is borrowed for the
/// call. A key of your own says bytes that are equal exactly when the keys are:
///
/// ```swift
/// struct UserID: CacheKey {
///   var number: UInt64
///   func withKeyBytes<Result, Failure: Error>(
///     _ body: (RawSpan) throws(Failure) -> Result
///   ) throws(Failure) -> Result {
///     try number.withKeyBytes(body)
///   }
/// }
/// ```
public protocol CacheKey: ~Copyable, ~Escapable {
  /// Calls the body with the bytes of the key, at most 65,535, and returns what it returns.
  borrowing func withKeyBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result
}

/// A key that can be had back from its bytes, so that ``Cache/Removal/key`` can tell which one it was.
public protocol ReadableCacheKey: CacheKey {
  /// The key that says these bytes; `nil` when none does.
  init?(keyBytes: RawSpan)
}

extension RawSpan: CacheKey {
  /// Its own bytes.
  @inlinable
  public func withKeyBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(self)
  }
}

extension String: ReadableCacheKey {
  /// The UTF-8 of the string. Strings that Swift holds equal but that are other code points are other
  /// keys.
  @inlinable
  public func withKeyBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // Safe: bytes are initialized and have no other meaning.
    unsafe try body(utf8Span.span.bytes)
  }

  /// The string of this UTF-8.
  public init?(keyBytes: RawSpan) {
    let text = unsafe keyBytes.withUnsafeBytes { bytes in
      unsafe String(validating: bytes, as: UTF8.self)
    }
    guard let text else { return nil }
    self = text
  }
}

extension [UInt8]: CacheKey {
  /// The elements.
  @inlinable
  public func withKeyBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // Safe: as for strings.
    unsafe try body(span.bytes)
  }
}

extension [UInt8]: ReadableCacheKey {
  /// The bytes.
  public init?(keyBytes: RawSpan) {
    self = unsafe keyBytes.withUnsafeBytes { bytes in unsafe Array(bytes) }
  }
}

extension FixedWidthInteger where Self: BitwiseCopyable {
  /// The bytes of the number, the lowest first. Integers of different width are different keys.
  @inlinable
  public func withKeyBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let value = littleEndian
    // Safe: integers have no padding, and the span does not leave the closure.
    return try unsafe withUnsafeBytes(of: value) { bytes throws(Failure) -> Result in
      try unsafe body(bytes.bytes)
    }
  }

  /// The number of these bytes.
  public init?(keyBytes: RawSpan) {
    guard keyBytes.byteCount == MemoryLayout<Self>.size else { return nil }
    // Safe: all bits of an integer are some number.
    self.init(littleEndian: unsafe keyBytes.unsafeLoadUnaligned(as: Self.self))
  }
}

extension Int: ReadableCacheKey {}
extension Int8: ReadableCacheKey {}
extension Int16: ReadableCacheKey {}
extension Int32: ReadableCacheKey {}
extension Int64: ReadableCacheKey {}
extension UInt: ReadableCacheKey {}
extension UInt8: ReadableCacheKey {}
extension UInt16: ReadableCacheKey {}
extension UInt32: ReadableCacheKey {}
extension UInt64: ReadableCacheKey {}
