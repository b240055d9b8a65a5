import CHoldfast

/// What went wrong, where, and what would be right.
///
/// Everything in Holdfast that refuses its input throws this one type. Switch over ``code``; show
/// ``description`` to people:
///
/// ```text
/// variable_not_allowed: unknown variable 'sevrity'; did you mean 'severity'?
///   1 | sevrity >= 0.8
///     | ^~~~~~~
/// ```
public struct HoldfastError: Error, Sendable, Hashable {
  /// What kind of fault it is.
  public let code: Code

  /// One line in plain English, without the code's name.
  public let message: String

  /// The place in a condition's text, where the fault has one.
  public let location: Location?

  /// The name of the variable that the error is about, where there is one.
  public let variable: String?

  /// The declared variable that was probably meant, where one is near.
  public let suggestion: String?

  /// A place in a text.
  public struct Location: Sendable, Hashable {
    /// The whole text.
    public let text: String

    /// Where the fault starts, in UTF-8 bytes from the start of ``text``.
    public let offset: Int

    /// How much is at fault, in UTF-8 bytes; 0 at the end of the text.
    public let length: Int
  }

  /// The kind of a fault. More may be added in later versions, so a `switch` needs a `default`.
  public struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
    /// The value of the C status, which is frozen: negative, never reused.
    public let rawValue: Int32

    /// A code from its frozen value.
    public init(rawValue: Int32) {
      self.rawValue = rawValue
    }

    init(_ status: hf_status) {
      self.rawValue = status.rawValue
    }

    /// The name that logs and the program use, such as `bad_number`.
    public var description: String {
      unsafe String(cString: hf_status_name(hf_status(rawValue: rawValue)))
    }
  }
}

extension HoldfastError.Code {
  /// An argument is outside its documented range. C: `HF_ERROR_INVALID_ARGUMENT`.
  public static let invalidArgument = Self(HF_ERROR_INVALID_ARGUMENT)
  /// There was no memory. Nothing changed. C: `HF_ERROR_OUT_OF_MEMORY`.
  public static let outOfMemory = Self(HF_ERROR_OUT_OF_MEMORY)

  /// A variable's name is no identifier, or too long. C: `HF_ERROR_INVALID_NAME`.
  public static let invalidName = Self(HF_ERROR_INVALID_NAME)
  /// A variable's name would be read as a word of the language. C: `HF_ERROR_RESERVED_NAME`.
  public static let reservedName = Self(HF_ERROR_RESERVED_NAME)
  /// A variable is declared twice. C: `HF_ERROR_DUPLICATE_NAME`.
  public static let duplicateName = Self(HF_ERROR_DUPLICATE_NAME)
  /// A schema has more variables than it may. C: `HF_ERROR_TOO_MANY_VARIABLES`.
  public static let tooManyVariables = Self(HF_ERROR_TOO_MANY_VARIABLES)

  /// The text is not UTF-8. C: `HF_ERROR_INVALID_UTF8`.
  public static let invalidUTF8 = Self(HF_ERROR_INVALID_UTF8)
  /// The text is longer than its limit. C: `HF_ERROR_TEXT_TOO_LONG`.
  public static let textTooLong = Self(HF_ERROR_TEXT_TOO_LONG)
  /// The text has more tokens than its limit. C: `HF_ERROR_TOO_COMPLEX`.
  public static let tooComplex = Self(HF_ERROR_TOO_COMPLEX)
  /// A character that the language does not know. C: `HF_ERROR_UNEXPECTED_CHARACTER`.
  public static let unexpectedCharacter = Self(HF_ERROR_UNEXPECTED_CHARACTER)
  /// A string without its closing quote. C: `HF_ERROR_UNTERMINATED_STRING`.
  public static let unterminatedString = Self(HF_ERROR_UNTERMINATED_STRING)
  /// A single `=` or `!`. C: `HF_ERROR_INVALID_OPERATOR`.
  public static let invalidOperator = Self(HF_ERROR_INVALID_OPERATOR)
  /// A number beyond the range of a double. C: `HF_ERROR_BAD_NUMBER`.
  public static let badNumber = Self(HF_ERROR_BAD_NUMBER)
  /// A name that the schema does not declare. C: `HF_ERROR_VARIABLE_NOT_ALLOWED`.
  public static let variableNotAllowed = Self(HF_ERROR_VARIABLE_NOT_ALLOWED)
  /// A value should stand here. C: `HF_ERROR_EXPECTED_VALUE`.
  public static let expectedValue = Self(HF_ERROR_EXPECTED_VALUE)
  /// A comparison operator should stand here. C: `HF_ERROR_EXPECTED_OPERATOR`.
  public static let expectedOperator = Self(HF_ERROR_EXPECTED_OPERATOR)
  /// A `)` should stand here. C: `HF_ERROR_EXPECTED_RPAREN`.
  public static let expectedRightParenthesis = Self(HF_ERROR_EXPECTED_RPAREN)
  /// The condition is complete, but the text goes on. C: `HF_ERROR_UNEXPECTED_TOKEN`.
  public static let unexpectedToken = Self(HF_ERROR_UNEXPECTED_TOKEN)

  /// A variable that the condition needs has no value. C: `HF_ERROR_MISSING_VARIABLE`.
  public static let missingVariable = Self(HF_ERROR_MISSING_VARIABLE)
  /// Two values without an order, or a value of another type than declared.
  /// C: `HF_ERROR_TYPE_MISMATCH`.
  public static let typeMismatch = Self(HF_ERROR_TYPE_MISMATCH)
  /// The context was made for another schema. C: `HF_ERROR_SCHEMA_MISMATCH`.
  public static let schemaMismatch = Self(HF_ERROR_SCHEMA_MISMATCH)

  /// The bytes are no sound image: cut short, altered, or of another version.
  /// C: `HF_ERROR_BAD_IMAGE`.
  public static let badImage = Self(HF_ERROR_BAD_IMAGE)
  /// A file could not be read or written. C: `HF_ERROR_IO`.
  public static let io = Self(HF_ERROR_IO)

  /// The circuit breaker is open: the call was not permitted. C: `HF_ERROR_CIRCUIT_OPEN`.
  public static let circuitOpen = Self(HF_ERROR_CIRCUIT_OPEN)
  /// A registry holds as many circuit breakers as it may. C: `HF_ERROR_REGISTRY_FULL`.
  public static let registryFull = Self(HF_ERROR_REGISTRY_FULL)
  /// There was no answer in time. C: `HF_ERROR_TIMED_OUT`.
  public static let timedOut = Self(HF_ERROR_TIMED_OUT)
  /// It was asked for more often than is allowed. C: `HF_ERROR_RATE_LIMITED`.
  public static let rateLimited = Self(HF_ERROR_RATE_LIMITED)
  /// As many calls are under way, and waiting, as may be. C: `HF_ERROR_BULKHEAD_FULL`.
  public static let bulkheadFull = Self(HF_ERROR_BULKHEAD_FULL)
  /// It failed each time that it was tried, or may not be tried again.
  /// C: `HF_ERROR_RETRIES_EXHAUSTED`.
  public static let retriesExhausted = Self(HF_ERROR_RETRIES_EXHAUSTED)

  /// A cache cannot hold an entry of this size. C: `HF_ERROR_TOO_LARGE`.
  public static let tooLarge = Self(HF_ERROR_TOO_LARGE)
  /// What was loaded was invalidated in the meantime. C: `HF_ERROR_LOAD_CANCELLED`.
  public static let loadCancelled = Self(HF_ERROR_LOAD_CANCELLED)
}

extension HoldfastError: CustomStringConvertible {
  /// The code, the message and, where there is a place, the line with a caret under the fault.
  public var description: String {
    guard let location else { return "\(code): \(message)" }
    var error = hf_error()
    error.status = hf_status(rawValue: code.rawValue)
    error.offset_bytes = UInt32(clamping: location.offset)
    error.length_bytes = UInt32(clamping: location.length)
    unsafe withUnsafeMutableBytes(of: &error.message) { buffer in
      // The message came from such a buffer, so it fits; the last byte stays NUL.
      unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.dropLast())
        .copyBytes(from: message.utf8.prefix(buffer.count - 1))
    }
    var text = location.text
    return text.withUTF8 { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) { text in
        unsafe String(unsafeUninitializedCapacity: Int(HF_ERROR_REPORT_BYTES)) { report in
          unsafe report.withMemoryRebound(to: CChar.self) { report in
            guard let buffer = report.baseAddress else { return 0 }
            return unsafe hf_error_format(
              &error, text.baseAddress, text.count, buffer, report.count)
          }
        }
      }
    }.trimmingFinalNewline()
  }
}

extension String {
  fileprivate func trimmingFinalNewline() -> String {
    hasSuffix("\n") ? String(dropLast()) : self
  }
}

extension HoldfastError {
  /// From a C error, which names variables by their index in `schema`.
  init(_ error: hf_error, text: String? = nil, schema: Schema? = nil) {
    var error = error
    self.code = Code(error.status)
    self.message = unsafe withUnsafeBytes(of: &error.message) { buffer in
      unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }
    self.location =
      error.offset_bytes == HF_NO_OFFSET
      ? nil
      : text.map {
        Location(text: $0, offset: Int(error.offset_bytes), length: Int(error.length_bytes))
      }
    self.variable = schema?.name(at: error.variable)
    self.suggestion = schema?.name(at: error.suggestion)
  }

  /// From the C error of an image, whose place is in the image rather than in a text.
  init(imageError error: hf_error, schema: Schema) {
    let plain = HoldfastError(error, schema: schema)
    let place =
      error.offset_bytes == HF_NO_OFFSET ? "" : ", at byte \(error.offset_bytes) of the image"
    self.init(error.status, message: plain.message + place, variable: plain.variable)
  }

  init(_ status: hf_status, message: String, variable: String? = nil) {
    self.code = Code(status)
    self.message = message
    self.location = nil
    self.variable = variable
    self.suggestion = nil
  }

  init(invalidArgument message: String, variable: String? = nil) {
    self.init(HF_ERROR_INVALID_ARGUMENT, message: message, variable: variable)
  }

  /// The error of an allocation that failed.
  static let outOfMemory = HoldfastError(HF_ERROR_OUT_OF_MEMORY, message: "out of memory")
}
