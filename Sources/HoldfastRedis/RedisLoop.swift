internal import CHoldfastRedis
internal import Holdfast

/// The thread that does a client's input and output. It ends when the last reference goes.
///
/// Each link's ``RedisLinkEvents`` hold a reference until the link has ended, and are let go of on
/// that thread. So whoever closes the links and lets go of its own reference first has the thread
/// end by itself, and never waits for it.
@safe final class RedisLoop: Sendable {
  // Set once; the C part says which of its functions may be called by whom.
  nonisolated(unsafe) let handle: OpaquePointer

  init() throws(StorageError) {
    var handle: OpaquePointer?
    let status = unsafe hf_redis_loop_start(&handle)
    guard let handle = unsafe handle else {
      throw RedisStatus.error(status, "there is no thread, or no descriptor, for a Redis client")
    }
    unsafe self.handle = unsafe handle
  }

  deinit { unsafe hf_redis_loop_stop(handle) }
}
