import CHoldfast

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension ResilienceSettings {
  /// The presets, but for what a JSON text says; see ``read(json:)-(String)``.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/invalidUTF8``.
  public init(json text: String) throws(HoldfastError) {
    self.init()
    try read(json: text)
  }

  /// The presets, but for what a JSON text says, as bytes; see ``read(json:)-(String)``.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/invalidUTF8``.
  public init(json bytes: [UInt8]) throws(HoldfastError) {
    self.init()
    try read(json: bytes)
  }

  /// Takes over what a JSON text says, as the bytes of a file.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` as ``read(json:)-(String)`` does;
  ///   ``HoldfastError/Code/invalidUTF8``. Nothing changed then.
  public mutating func read(json bytes: [UInt8]) throws(HoldfastError) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw HoldfastError(HF_ERROR_INVALID_UTF8, message: "the JSON text is not UTF-8")
    }
    try read(json: text)
  }

  /// Takes over what a JSON text says.
  ///
  /// ```json
  /// {
  ///   "version": 1,
  ///   "enabled": true,
  ///   "default": { "timeout": 2.5, "jitter": "equal" },
  ///   "database": { "max_attempts": 5, "deadline": 60, "recovery_timeout": 10 },
  ///   "api": { "bulkhead": { "limit": 50, "queue": 100 } },
  ///   "timeouts": { "model_load": 600 }
  /// }
  /// ```
  ///
  /// `version` must be there, and is 1. All else may be left out, and is left as it is then. The presets
  /// are `database`, `cache`, `api`, `file` and `ml`; `default` is ``ResiliencePreset/custom``. What one may
  /// hold are the names of ``ResilienceConfiguration`` in lower case with `_` between the words:
  /// `timeout`, `deadline`, `max_attempts`, `base_delay`, `max_delay`, `exponential_base`, `jitter`,
  /// `longest_retry_after`, `failure_threshold`, `recovery_timeout`, the objects `bulkhead` (`limit`, `queue`,
  /// `longest_wait`) and `rate_limit` (`permits`, `per`, `burst`, `longest_wait`), and to switch stages
  /// on or off `enable_timeout`, `enable_retry`, `enable_retry_budget`, `enable_circuit_breaker`,
  /// `enable_bulkhead` and `enable_rate_limit`; an object `bulkhead` or `rate_limit` alone switches its
  /// stage on. Times are numbers of seconds. `null` takes away a `deadline`, the
  /// `longest_wait` of a bulkhead, or a `burst`.
  ///
  /// - Parameter text: the JSON text.
  /// - Throws: ``HoldfastError/Code/invalidArgument``, which says of everything that is wrong where it
  ///   is, as in `database.max_attempts`, what it is and what is accepted; of a name that is not known,
  ///   which one was probably meant. Nothing changed then.
  /// - Complexity: O(text).
  public mutating func read(json text: String) throws(HoldfastError) {
    guard
      let value = try? JSONDecoder().decode(ConfigurationValue.self, from: Data(text.utf8))
    else {
      throw HoldfastError(invalidArgument: "the text is no JSON")
    }
    var result = self
    var reader = ConfigurationReader()
    reader.read(value, into: &result)
    try reader.problems.throwIfAny()
    // What concerns two values at once.
    try result.check()
    self = result
  }
}
