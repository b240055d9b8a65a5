import CHoldfast

extension Schema {
  /// Owns one reference to a C schema.
  @safe final class Handle: Sendable {
    /// Sendable: the C schema never changes, and its reference count is atomic. Only `deinit` gives
    /// the reference back.
    nonisolated(unsafe) let pointer: OpaquePointer

    init(
      _ variables: [(name: String, type: VariableType)], words: [String]
    ) throws(HoldfastError) {
      // One block of NUL-terminated names, so that every pointer into it stays valid together. A
      // name with a NUL inside would be cut short in C, so it is refused here as what it is.
      var names: [CChar] = []
      var starts: [Int] = []
      for (name, _) in variables {
        if name.utf8.contains(0) {
          throw HoldfastError(
            HF_ERROR_INVALID_NAME, message: "a variable's name holds a NUL character",
            variable: name)
        }
        starts.append(names.count)
        names.append(contentsOf: name.utf8.map { CChar(bitPattern: $0) })
        names.append(0)
      }
      let block = WordBlock(words)
      var schema: OpaquePointer?
      var error = hf_error()
      let status = unsafe names.withUnsafeBufferPointer { names -> hf_status in
        let declarations: [hf_variable] = unsafe zip(starts, variables).map { start, variable in
          unsafe hf_variable(
            name: names.baseAddress?.advanced(by: start), type: variable.type.cType)
        }
        return unsafe hf_schema_create_with_words(
          declarations, declarations.count, block.words.baseAddress, block.words.count, nil,
          &schema, &error)
      }
      guard status == HF_OK, let schema = unsafe schema else {
        let index = Int(error.variable)
        throw HoldfastError(
          status, message: HoldfastError(error).message,
          variable: variables.indices.contains(index) ? variables[index].name : nil)
      }
      unsafe self.pointer = schema
    }

    private init(retaining pointer: OpaquePointer) {
      unsafe self.pointer = hf_schema_retain(pointer)
    }

    static let classic = unsafe Handle(retaining: hf_schema_classic())

    deinit {
      unsafe hf_schema_release(pointer)
    }
  }
}
