import CHoldfast

/// The variables that a condition may name, with their types.
///
/// What a schema does not declare cannot be written, so it is the whole of what an operator's text
/// can reach.
///
/// ```swift
/// let schema = try Schema(["cpu_percent": .number, "region": .string])
/// let hot = try Condition("cpu_percent > 90 and region == 'eu'", schema: schema)
/// ```
///
/// A schema is an immutable value: copying it is one reference count.
public struct Schema: Sendable {
  /// The type of a variable.
  public enum VariableType: String, Sendable, CaseIterable, Codable {
    /// Each value brings its own type.
    case any
    /// A `Double`.
    case number
    /// Text.
    case string
    /// True or false; compares as 1 and 0.
    case boolean
  }

  /// A word of a schema, for ``Context/set(word:at:)``.
  public struct Word: Sendable, Hashable {
    /// Its place in ``Schema/words``.
    public let index: Int
  }

  let handle: Handle

  /// Declares variables; the index of each is its place in the list.
  ///
  /// Comparing a string with one of the `words` for equality costs no more than comparing numbers,
  /// because a context recognises them when it is filled. Other strings may be written and compared
  /// all the same.
  ///
  /// ```swift
  /// let schema = try Schema(
  ///   ["severity": .number, "domain": .string], words: ["billing", "search"])
  /// ```
  ///
  /// - Parameters:
  ///   - variables: names and types. A name is an ASCII letter or `_`, then ASCII letters, digits and
  ///     `_`, at most 128 bytes; not `and`, `or` or `always` in any letter case, and not beginning
  ///     with `and_` or `or_`. At most 4,096 variables.
  ///   - words: strings that are compared often, each once, at most 65,536. Their order is part of
  ///     the schema.
  /// - Throws: ``HoldfastError/Code/invalidName``, ``HoldfastError/Code/reservedName``,
  ///   ``HoldfastError/Code/duplicateName`` (of a variable or a word),
  ///   ``HoldfastError/Code/tooManyVariables``, ``HoldfastError/Code/invalidArgument`` (too many
  ///   words), ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(n log n) in the variables, O(length) in the words.
  public init(
    _ variables: KeyValuePairs<String, VariableType>, words: [String] = []
  ) throws(HoldfastError) {
    try self.init(variables.map { (name: $0.key, type: $0.value) }, words: words)
  }

  /// Declares variables that are known at run time, in their order.
  ///
  /// - Parameters:
  ///   - variables: as for the other initialiser.
  ///   - words: as for the other initialiser.
  /// - Throws: as the other initialiser.
  /// - Complexity: as the other initialiser.
  public init(
    _ variables: [(name: String, type: VariableType)], words: [String] = []
  ) throws(HoldfastError) {
    self.handle = try Handle(variables, words: words)
  }

  /// The ready-made schema: `severity`, `recurrence_count`, `confidence`, `step` and `duration`,
  /// all of type any.
  public static let classic = Schema(handle: Handle.classic)

  private init(handle: Handle) {
    self.handle = handle
  }

  /// How many variables it declares.
  ///
  /// - Complexity: O(1).
  public var count: Int { unsafe hf_schema_count(handle.pointer) }

  /// The names and types, in order.
  ///
  /// - Complexity: O(n).
  public var variables: [(name: String, type: VariableType)] {
    (0..<count).compactMap { index in
      let variable = unsafe hf_schema_variable(handle.pointer, UInt32(index))
      guard let name = unsafe variable.name else { return nil }
      return (unsafe String(cString: name), VariableType(unsafe variable.type))
    }
  }

  /// The index of a variable, for filling a ``Context`` without looking up names.
  ///
  /// - Parameter name: exact, letter case included.
  /// - Returns: `nil` when it is not declared.
  /// - Complexity: O(log n).
  public func index(of name: String) -> Int? {
    var name = name
    let index = name.withUTF8 { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) { bytes -> UInt32 in
        guard let start = bytes.baseAddress else { return HF_NO_VARIABLE }
        return unsafe hf_schema_find(handle.pointer, start, bytes.count)
      }
    }
    return index == HF_NO_VARIABLE ? nil : Int(index)
  }

  /// The index of a variable, or the error that there is none.
  func declaredIndex(of name: String) throws(HoldfastError) -> Int {
    guard let index = index(of: name) else {
      throw HoldfastError(
        HF_ERROR_VARIABLE_NOT_ALLOWED,
        message: "the schema declares no variable '\(name.onOneLine)'",
        variable: name)
    }
    return index
  }

  /// The words that contexts recognise, in order.
  ///
  /// - Complexity: O(length).
  public var words: [String] {
    let count = unsafe hf_schema_word_count(handle.pointer)
    return (0..<count).map { index in
      let word = unsafe hf_schema_word(handle.pointer, UInt32(index))
      return unsafe String(
        decoding: UnsafeRawBufferPointer(start: word.bytes, count: word.length_bytes),
        as: UTF8.self)
    }
  }

  /// Looks up a word once, for filling a ``Context`` with it many times.
  ///
  /// - Parameter string: exact, letter case included.
  /// - Returns: `nil` when it is none of ``words``.
  /// - Complexity: O(length).
  public func word(_ string: String) -> Word? {
    var string = string
    let index = string.withUTF8 { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) { bytes in
        unsafe hf_schema_find_word(handle.pointer, bytes.baseAddress, bytes.count)
      }
    }
    return index == HF_NO_WORD ? nil : Word(index: Int(index))
  }

  /// The name at a C index; `nil` beyond the end, as `HF_NO_VARIABLE` is.
  func name(at index: UInt32) -> String? {
    let variable = unsafe hf_schema_variable(handle.pointer, index)
    return unsafe variable.name.map { unsafe String(cString: $0) }
  }
}

extension Schema: Equatable {
  /// Whether both declare the same variables with the same types, and the same words, in the same
  /// order.
  public static func == (a: Schema, b: Schema) -> Bool {
    unsafe hf_schema_equal(a.handle.pointer, b.handle.pointer)
  }
}

extension Schema.VariableType {
  init(_ type: hf_type) {
    switch type {
    case HF_TYPE_ANY: self = .any
    case HF_TYPE_NUMBER: self = .number
    case HF_TYPE_STRING: self = .string
    case HF_TYPE_BOOLEAN: self = .boolean
    default: self = .any
    }
  }

  var cType: hf_type {
    switch self {
    case .any: HF_TYPE_ANY
    case .number: HF_TYPE_NUMBER
    case .string: HF_TYPE_STRING
    case .boolean: HF_TYPE_BOOLEAN
    }
  }
}
