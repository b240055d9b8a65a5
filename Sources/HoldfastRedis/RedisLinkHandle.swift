internal import CHoldfastRedis
internal import Synchronization

/// The C part's link, which is closed once, and used by nobody after that.
///
/// Its users are counted, so that no lock is held while they use it; who closes it does so himself
/// if there are none, and else leaves it to the last of them.
@safe final class RedisLinkHandle: Sendable {
  private static let closing = 1 << 62

  // Set once. The C part's functions may be called from any thread until the link is closed.
  private nonisolated(unsafe) let link: OpaquePointer
  /// How many use it, and whether it is to be closed. Who adds a user acquires nothing: the link
  /// came with the reference to this. Who leaves releases, and who closes acquires, so that the
  /// closing comes after every use.
  private let users = Atomic(0)

  init(_ link: OpaquePointer) { unsafe self.link = unsafe link }

  /// What the body returns; `nil`: it was closed.
  func use<Result>(_ body: (OpaquePointer) -> Result) -> Result? {
    var now = users.load(ordering: .relaxed)
    while true {
      guard now < Self.closing else { return nil }
      let (isCounted, seen) = users.weakCompareExchange(
        expected: now, desired: now + 1, ordering: .relaxed)
      if isCounted { break }
      now = seen
    }
    defer {
      if users.subtract(1, ordering: .acquiringAndReleasing).newValue == Self.closing {
        unsafe hf_redis_link_close(link)
      }
    }
    return unsafe body(link)
  }

  /// Closes it, once.
  func close() {
    let before = users.bitwiseOr(Self.closing, ordering: .acquiringAndReleasing).oldValue
    if before == 0 { unsafe hf_redis_link_close(link) }
  }
}
