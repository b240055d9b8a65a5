import CHoldfast

/// The values of a schema's variables for one decision.
///
/// Keep one for many decisions: clear it, fill it, evaluate. Filling by index looks up no name and
/// allocates nothing, except for a string longer than the slot has held before.
///
/// ```swift
/// var context = try Context(schema: schema)
/// let cpu = try context.index(of: "cpu_percent")
/// for sample in samples {
///   try context.set(number: sample.cpu, at: cpu)
///   if try hot.evaluate(context) { … }
/// }
/// ```
///
/// A context has one owner, so no two tasks fill it at once. For a single decision,
/// ``Condition/evaluate(_:)-([String:Context.Value])`` takes a dictionary instead.
@safe public struct Context: ~Copyable, Sendable {
  /// A value of any type that a condition may meet.
  public enum Value: Sendable, Hashable {
    /// The null of JSON: equal to null, unequal to all else, without order.
    case null
    /// Compares as 1 and 0.
    case boolean(Bool)
    /// Any double. Integers above 2^53 are the nearest double, so neighbours among them may be
    /// equal; NaN compares false except by `!=`.
    case number(Double)
    /// Ordered by code point.
    case string(String)
    /// An array or an object: unequal to everything, without order.
    case container
  }

  /// Sendable: the C context is reached through this value alone, which is not copyable; filling
  /// needs exclusive access (`mutating`), and reading it changes nothing.
  nonisolated(unsafe) let pointer: OpaquePointer

  /// The schema that it was made for.
  public let schema: Schema

  /// Makes a context in which every variable is missing.
  ///
  /// - Parameter schema: the variables; the five classic ones by default.
  /// - Throws: ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(variables), one allocation.
  public init(schema: Schema = .classic) throws(HoldfastError) {
    var context: OpaquePointer?
    let status = unsafe hf_context_create(schema.handle.pointer, nil, &context)
    guard status == HF_OK, let context = unsafe context else { throw HoldfastError.outOfMemory }
    unsafe self.pointer = context
    self.schema = schema
  }

  deinit {
    unsafe hf_context_destroy(pointer)
  }

  /// The index of a variable, for the setters.
  ///
  /// - Throws: ``HoldfastError/Code/variableNotAllowed`` when it is not declared.
  /// - Complexity: O(log n).
  public func index(of name: String) throws(HoldfastError) -> Int {
    try schema.declaredIndex(of: name)
  }

  /// Fills a slot with a number.
  ///
  /// - Throws: ``HoldfastError/Code/typeMismatch`` when the variable is declared with another type,
  ///   ``HoldfastError/Code/invalidArgument`` when there is no such index. The slot is untouched
  ///   then.
  /// - Complexity: O(1), no allocation.
  public mutating func set(number: Double, at index: Int) throws(HoldfastError) {
    try check(
      unsafe hf_context_set_number(pointer, slot(index), number), at: index, "a number")
  }

  /// Fills a slot with a boolean. Throws as ``set(number:at:)``.
  ///
  /// - Complexity: O(1), no allocation.
  public mutating func set(boolean: Bool, at index: Int) throws(HoldfastError) {
    try check(
      unsafe hf_context_set_boolean(pointer, slot(index), boolean), at: index,
      "a boolean")
  }

  /// Fills a slot with a copy of a string. Throws as ``set(number:at:)``, or
  /// ``HoldfastError/Code/outOfMemory``.
  ///
  /// - Complexity: O(length); allocates only when the slot has not held so long a string before. A
  ///   word of the schema is not copied.
  public mutating func set(string: String, at index: Int) throws(HoldfastError) {
    var string = string
    try check(
      string.withUTF8 { utf8 in unsafe setUTF8(utf8, at: index) }, at: index, "a string")
  }

  /// Fills a slot with a copy of a string that is already bytes. Throws as ``set(number:at:)``,
  /// ``HoldfastError/Code/invalidUTF8``, or ``HoldfastError/Code/outOfMemory``.
  ///
  /// - Parameters:
  ///   - utf8: checked to be UTF-8.
  ///   - index: of the variable.
  /// - Complexity: as ``set(string:at:)``.
  public mutating func set(utf8: Span<UInt8>, at index: Int) throws(HoldfastError) {
    try check(
      unsafe utf8.withUnsafeBufferPointer { bytes in unsafe setUTF8(bytes, at: index) }, at: index,
      "a string")
  }

  private func setUTF8(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> hf_status {
    unsafe utf8.withMemoryRebound(to: CChar.self) { bytes in
      unsafe hf_context_set_string(
        pointer, slot(index), bytes.baseAddress, bytes.count)
    }
  }

  /// Fills a slot with a word of the schema: the same as its string, without looking it up. (The
  /// setters of strings recognise words too.)
  ///
  /// - Parameters:
  ///   - word: of ``schema``, from ``Schema/word(_:)``. Like an index, that of another schema may
  ///     mean something else here.
  ///   - index: of the variable.
  /// - Throws: as ``set(number:at:)``; ``HoldfastError/Code/invalidArgument`` also when the schema
  ///   has no such word.
  /// - Complexity: O(1), no allocation.
  public mutating func set(word: Schema.Word, at index: Int) throws(HoldfastError) {
    let place = UInt32(exactly: word.index) ?? HF_NO_WORD
    let status = unsafe hf_context_set_word(pointer, slot(index), place)
    if status == HF_ERROR_INVALID_ARGUMENT, (0..<schema.count).contains(index) {
      throw HoldfastError(
        status, message: "the schema has no word at index \(word.index)",
        variable: schema.name(at: slot(index)))
    }
    try check(status, at: index, "a string")
  }

  /// Fills a slot with a value of any type. Throws as the setter of that type; null and containers
  /// are only for variables of type any.
  ///
  /// - Complexity: as the setter of that type.
  public mutating func set(_ value: Value, at index: Int) throws(HoldfastError) {
    switch value {
    case .number(let number): try set(number: number, at: index)
    case .boolean(let boolean): try set(boolean: boolean, at: index)
    case .string(let string): try set(string: string, at: index)
    case .null:
      try check(
        unsafe hf_context_set_null(pointer, slot(index)), at: index, "null")
    case .container:
      try check(
        unsafe hf_context_set_container(pointer, slot(index)), at: index, "a container")
    }
  }

  /// Fills the slot of a variable by its name. Throws as ``set(_:at:)``, or
  /// ``HoldfastError/Code/variableNotAllowed`` when it is not declared.
  ///
  /// - Complexity: O(log n) for the name, then as ``set(_:at:)``.
  public mutating func set(_ value: Value, for name: String) throws(HoldfastError) {
    try set(value, at: index(of: name))
  }

  /// Records that a value came which the declared type does not admit: every comparison that needs
  /// it then fails with ``HoldfastError/Code/typeMismatch``, and the others go on.
  ///
  /// For readers of outside data, who want a decision to fail only where the value is needed.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when there is no such index.
  /// - Complexity: O(1).
  public mutating func setInvalid(at index: Int) throws(HoldfastError) {
    try check(
      unsafe hf_context_set_invalid(pointer, slot(index)), at: index, "that value")
  }

  /// Makes a slot missing again.
  ///
  /// - Throws: ``HoldfastError/Code/invalidArgument`` when there is no such index.
  /// - Complexity: O(1).
  public mutating func unset(at index: Int) throws(HoldfastError) {
    try check(unsafe hf_context_unset(pointer, slot(index)), at: index, "no value")
  }

  /// Makes every variable missing; memory is kept for reuse.
  ///
  /// - Complexity: O(variables).
  public mutating func removeAll() {
    unsafe hf_context_clear(pointer)
  }

  /// Reads a slot back: `nil` when it is missing, holds an invalid value, or there is no such index.
  ///
  /// - Complexity: O(1), and O(length) for a string.
  public subscript(index: Int) -> Value? {
    guard let index = UInt32(exactly: index) else { return nil }
    return unsafe Value(hf_context_get(pointer, index))
  }

  /// The C index; one that no slot has for what no C index can be.
  private func slot(_ index: Int) -> UInt32 {
    UInt32(exactly: index) ?? HF_NO_VARIABLE
  }

  private func check(
    _ status: hf_status, at index: Int, _ given: @autoclosure () -> String
  ) throws(HoldfastError) {
    if status == HF_OK { return }
    throw failure(status, at: index, given())
  }

  private func failure(_ status: hf_status, at index: Int, _ given: String) -> HoldfastError {
    let name = UInt32(exactly: index).flatMap { schema.name(at: $0) }
    let message =
      switch status {
      case HF_ERROR_TYPE_MISMATCH:
        "variable '\(name ?? "")' is declared as \(declaredType(at: index)), so it cannot hold \(given)"
      case HF_ERROR_INVALID_UTF8: "the string for variable '\(name ?? "")' is not UTF-8"
      case HF_ERROR_OUT_OF_MEMORY: HoldfastError.outOfMemory.message
      default: "there is no variable at index \(index); the schema declares \(schema.count)"
      }
    return HoldfastError(status, message: message, variable: name)
  }

  private func declaredType(at index: Int) -> String {
    let variable = unsafe hf_schema_variable(schema.handle.pointer, slot(index))
    return unsafe String(cString: hf_type_name(variable.type))
  }
}

extension Context.Value: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A number.
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  /// Null.
  public init(nilLiteral: ()) { self = .null }
}

extension Context.Value: CustomStringConvertible {
  /// For people to read: `0.8`, `'eu'`, `true`, `null`.
  public var description: String {
    switch self {
    case .null: "null"
    case .boolean(let boolean): boolean ? "true" : "false"
    case .number(let number):
      number.description.hasSuffix(".0")
        ? String(number.description.dropLast(2)) : number.description
    case .string(let string): string.contains("'") ? "\"\(string)\"" : "'\(string)'"
    case .container: "a container"
    }
  }
}

extension Context.Value {
  /// From a C value; `nil` where there is none, or none that the declared type admits.
  init?(_ value: hf_value) {
    switch unsafe value.kind {
    case HF_KIND_NULL: self = .null
    case HF_KIND_CONTAINER: self = .container
    case HF_KIND_NUMBER: self = .number(unsafe value.number)
    case HF_KIND_BOOLEAN: self = .boolean(unsafe value.number != 0)
    case HF_KIND_STRING:
      let bytes = unsafe UnsafeBufferPointer(start: value.string, count: value.length_bytes)
      self = .string(
        unsafe bytes.withMemoryRebound(to: UInt8.self) {
          unsafe String(decoding: $0, as: UTF8.self)
        }
      )
    default: return nil  // missing, or not of the declared type
    }
  }
}
