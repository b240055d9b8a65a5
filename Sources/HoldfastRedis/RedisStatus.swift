internal import CHoldfastRedis
internal import Holdfast

/// What the C part's statuses are to a storage's caller.
enum RedisStatus {
  static func error(_ status: hf_redis_status, _ message: String? = nil) -> StorageError {
    switch status {
    case HF_REDIS_INVALID_ARGUMENT: StorageError(.invalidArgument, message ?? "an invalid argument")
    case HF_REDIS_OUT_OF_MEMORY: StorageError(.refused, message ?? "there was no memory")
    case HF_REDIS_BAD_TLS: StorageError(.file, message ?? "a certificate could not be read")
    case HF_REDIS_QUEUE_FULL: StorageError(.queueFull, message ?? "too many commands are waiting")
    case HF_REDIS_CLOSED: closed
    default: StorageError(.refused, message ?? "the system gave no resources")
    }
  }

  static var closed: StorageError { StorageError(.notConnected, "the client was closed") }
}

extension StorageError {
  /// The same of something that may have been done.
  var maybeDone: StorageError { StorageError(code, message, outcome: .unknown) }
}
