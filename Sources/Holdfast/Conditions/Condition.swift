import CHoldfast

/// An operator-written condition, compiled once.
///
/// ```swift
/// let urgent = try Condition("severity >= 0.8 and recurrence_count >= 2")
/// try urgent.evaluate(["severity": 0.9, "recurrence_count": 3])  // true
/// ```
///
/// Every fault of the text is found here, at compile time, with its place. Evaluation is strict: a
/// missing variable, or an ordering between a number and a string, is an error that names it,
/// whatever the other side of `and` or `or` holds.
///
/// Where compiling again costs too much, keep the bytes of ``image()``. Where there are many decisions
/// to take at once, ``Columns`` takes them many times faster.
///
/// A condition never changes: any number of tasks may evaluate one at once.
@safe public final class Condition: Sendable {
  /// What a text may not exceed.
  public struct Limits: Sendable, Hashable {
    /// Most tokens, the end of the text counted as one: 2 to 1,048,576, by default 50.
    public var maxTokens: Int
    /// Longest text in UTF-8 bytes: 0 to 16,777,216, by default 65,536.
    public var maxTextBytes: Int

    /// Limits; each has its default.
    public init(maxTokens: Int = 50, maxTextBytes: Int = 65_536) {
      self.maxTokens = maxTokens
      self.maxTextBytes = maxTextBytes
    }
  }

  /// Sendable: the C condition never changes, and only `deinit` frees it.
  nonisolated(unsafe) let pointer: OpaquePointer

  /// The text that it was compiled from.
  public let text: String

  /// The variables that it was compiled for.
  public let schema: Schema

  private let knownDigest = ConditionDigest()

  /// Compiles a text.
  ///
  /// - Parameters:
  ///   - text: the condition.
  ///   - schema: the variables that it may name; the five classic ones by default.
  ///   - limits: on its size.
  /// - Throws: the first fault, with its place: see the codes of ``HoldfastError``.
  /// - Complexity: O(length).
  public init(
    _ text: String, schema: Schema = .classic, limits: Limits = Limits()
  ) throws(HoldfastError) {
    var options = unsafe try limits.options()
    var condition: OpaquePointer?
    var error = hf_error()
    var contiguous = text
    let status = contiguous.withUTF8 { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) { bytes in
        unsafe hf_condition_compile(
          schema.handle.pointer, bytes.baseAddress, bytes.count, &options, &condition, &error)
      }
    }
    guard status == HF_OK, let condition = unsafe condition else {
      throw HoldfastError(error, text: text, schema: schema)
    }
    unsafe self.pointer = condition
    self.text = contiguous
    self.schema = schema
  }

  /// Makes a condition from the bytes that ``image()`` returned, perhaps to another process on
  /// another machine, without parsing a text.
  ///
  /// ```swift
  /// let bytes = try Condition("severity >= 0.8").image()
  /// let urgent = try Condition(image: bytes)
  /// ```
  ///
  /// Nothing in the image is trusted: what is cut short, altered or not well formed is refused. But
  /// its program decides, and its text is shown and not read: who can write images can write any
  /// text into them. ``canonicalText`` tells what the condition decides.
  ///
  /// - Parameters:
  ///   - image: the bytes, such as an array or a `Data`.
  ///   - schema: the one that it was saved with, or an equal one; the five classic variables by
  ///     default.
  ///   - limits: on its text, as when compiling.
  /// - Throws: ``HoldfastError/Code/badImage``, ``HoldfastError/Code/schemaMismatch``,
  ///   ``HoldfastError/Code/textTooLong``, ``HoldfastError/Code/tooComplex``,
  ///   ``HoldfastError/Code/invalidArgument``, ``HoldfastError/Code/outOfMemory``.
  /// - Complexity: O(length); a sequence that is not contiguous in memory
  ///   is copied.
  public init(
    image: some Sequence<UInt8>, schema: Schema = .classic, limits: Limits = Limits()
  ) throws(HoldfastError) {
    var options = unsafe try limits.options()
    var condition: OpaquePointer?
    var error = hf_error()
    func load(_ bytes: UnsafeBufferPointer<UInt8>) -> hf_status {
      unsafe hf_condition_load(
        schema.handle.pointer, bytes.baseAddress, bytes.count, &options, &condition, &error)
    }
    let status =
      unsafe image.withContiguousStorageIfAvailable(load)
      ?? Array(image).withUnsafeBufferPointer(load)
    guard status == HF_OK, let condition = unsafe condition else {
      throw HoldfastError(imageError: error, schema: schema)
    }
    unsafe self.pointer = condition
    var length = 0
    let text = unsafe hf_condition_text(condition, &length)
    self.text = unsafe String(
      decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
    self.schema = schema
  }

  deinit {
    unsafe hf_condition_destroy(pointer)
  }

  /// The same for conditions that are the same program.
  var digest: hf_digest { knownDigest.value(of: self) }

  /// The condition as bytes, for ``init(image:schema:limits:)``.
  ///
  /// They are the same on every machine, versioned and checksummed, and hold the text but not the
  /// schema, of which they know only whether it is the same.
  ///
  /// - Complexity: O(length).
  public func image() -> [UInt8] {
    let length = unsafe hf_condition_save(pointer, nil, 0)
    return unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
      unsafe initialized = hf_condition_save(pointer, buffer.baseAddress, buffer.count)
    }
  }

  /// Decides whether the condition holds for the values of a prepared context.
  ///
  /// - Parameter context: made for ``schema``, or an equal one.
  /// - Throws: ``HoldfastError/Code/missingVariable``, ``HoldfastError/Code/typeMismatch`` with the
  ///   place of the first comparison that failed, ``HoldfastError/Code/schemaMismatch``.
  /// - Complexity: O(comparisons); allocates nothing unless it throws.
  public func evaluate(_ context: borrowing Context) throws(HoldfastError) -> Bool {
    var held = false
    let status = unsafe hf_condition_evaluate(pointer, context.pointer, &held, nil)
    if status != HF_OK { throw failure(in: context) }
    return held
  }

  /// Decides whether the condition holds for values given by name.
  ///
  /// Values that the condition does not name are ignored. It makes a ``Context`` of its own each
  /// time; where speed matters, prepare one.
  ///
  /// - Throws: as the other form. A value of another type than declared is a
  ///   ``HoldfastError/Code/typeMismatch`` of the comparison that needs it.
  /// - Complexity: O(variables of the schema + comparisons).
  public func evaluate(_ values: [String: Context.Value]) throws(HoldfastError) -> Bool {
    try evaluate(context(of: values))
  }

  /// Evaluates, and says how: every comparison with its operands and outcome.
  ///
  /// A comparison that fails does not throw here: it is part of the explanation.
  ///
  /// - Throws: ``HoldfastError/Code/schemaMismatch``.
  /// - Complexity: O(comparisons).
  public func explain(_ context: borrowing Context) throws(HoldfastError) -> Explanation {
    var status = HF_OK
    let count = unsafe hf_condition_node_count(pointer)
    let nodes = unsafe [hf_node](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let start = buffer.baseAddress else { return }
      unsafe status = hf_condition_explain(pointer, context.pointer, start, count)
      initialized = status == HF_OK ? count : 0
    }
    if status != HF_OK { throw failure(in: context) }
    return unsafe Explanation(nodes, of: self)
  }

  /// Evaluates values given by name, and says how.
  ///
  /// - Throws: ``HoldfastError/Code/outOfMemory``. A value of another type than declared is part of
  ///   the explanation.
  /// - Complexity: O(variables of the schema + comparisons).
  public func explain(_ values: [String: Context.Value]) throws(HoldfastError) -> Explanation {
    try explain(context(of: values))
  }

  /// The names of the variables that must be there, in the order in which the text names them first.
  ///
  /// - Complexity: O(n).
  public var requiredVariables: [String] {
    requiredIndices.compactMap { schema.name(at: $0) }
  }

  /// How many tokens the text has, its end counted.
  ///
  /// - Complexity: O(1).
  public var tokenCount: Int { Int(unsafe hf_condition_token_count(pointer)) }

  /// The text in its canonical form: conditions that have the same one, and equal schemas, are the
  /// same program, and it compiles to that program again.
  ///
  /// - Complexity: O(length).
  public var canonicalText: String {
    let length = unsafe hf_condition_canonical(pointer, nil, 0)
    return unsafe String(unsafeUninitializedCapacity: length + 1) { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) { buffer in
        unsafe hf_condition_canonical(pointer, buffer.baseAddress, buffer.count)
      }
    }
  }

  private var requiredIndices: [UInt32] {
    let count = unsafe hf_condition_variable_count(pointer)
    return (0..<count).map {
      unsafe hf_condition_variable(pointer, $0)
    }
  }

  private func context(of values: [String: Context.Value]) throws(HoldfastError) -> Context {
    var context = try Context(schema: schema)
    for index in requiredIndices {
      guard let name = schema.name(at: index), let value = values[name] else { continue }
      do {
        try context.set(value, at: Int(index))
      } catch  where error.code == .typeMismatch {
        try context.setInvalid(at: Int(index))
      }
    }
    return context
  }

  /// Evaluates once more for the reason, which the fast path does not ask for.
  private func failure(in context: borrowing Context) -> HoldfastError {
    var held = false
    var error = hf_error()
    _ = unsafe hf_condition_evaluate(pointer, context.pointer, &held, &error)
    return HoldfastError(error, text: text, schema: schema)
  }
}

extension Condition.Limits {
  /// The limits as the core takes them.
  fileprivate func options() throws(HoldfastError) -> hf_condition_options {
    var options = unsafe hf_condition_options_default()
    unsafe options.max_tokens = try limit(maxTokens)
    unsafe options.max_text_bytes = try limit(maxTextBytes)
    return unsafe options
  }
}

/// A limit as the core takes it, which checks its range.
private func limit(_ value: Int) throws(HoldfastError) -> UInt32 {
  guard let limit = UInt32(exactly: value) else {
    throw HoldfastError(HF_ERROR_INVALID_ARGUMENT, message: "a limit of \(value) is out of range")
  }
  return limit
}

extension Condition: CustomStringConvertible {
  /// The text.
  public var description: String { text }
}
