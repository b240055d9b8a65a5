extension Resilience {
  /// The pipeline of a name for calls to a database; see ``pipeline(_:_:fileID:line:configure:)``.
  public func database(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try pipeline(.database, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to a cache; see ``pipeline(_:_:fileID:line:configure:)``.
  public func cache(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try pipeline(.cache, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to another service; see ``pipeline(_:_:fileID:line:configure:)``.
  public func api(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try pipeline(.api, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to files; see ``pipeline(_:_:fileID:line:configure:)``.
  public func file(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try pipeline(.file, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to a model; see ``pipeline(_:_:fileID:line:configure:)``.
  public func ml(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try pipeline(.ml, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to anything else, with the defaults of the settings; see ``pipeline(_:_:fileID:line:configure:)``.
  public func custom(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try pipeline(.custom, name, fileID: fileID, line: line, configure: configure)
  }

  // MARK: - Of the one that all share

  /// The pipeline of a name for calls to a database, of ``shared``; see
  /// ``pipeline(_:_:fileID:line:configure:)``.
  public static func database(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try shared.pipeline(.database, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to a cache, of ``shared``; see
  /// ``pipeline(_:_:fileID:line:configure:)``.
  public static func cache(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try shared.pipeline(.cache, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to another service, of ``shared``; see
  /// ``pipeline(_:_:fileID:line:configure:)``.
  public static func api(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try shared.pipeline(.api, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to files, of ``shared``; see
  /// ``pipeline(_:_:fileID:line:configure:)``.
  public static func file(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try shared.pipeline(.file, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to a model, of ``shared``; see
  /// ``pipeline(_:_:fileID:line:configure:)``.
  public static func ml(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try shared.pipeline(.ml, name, fileID: fileID, line: line, configure: configure)
  }

  /// The pipeline of a name for calls to anything else, with the defaults of the settings, of ``shared``; see
  /// ``pipeline(_:_:fileID:line:configure:)``.
  public static func custom(
    _ name: String? = nil, fileID: StaticString = #fileID, line: UInt = #line,
    configure: ((inout ResilienceConfiguration) -> Void)? = nil
  ) throws(HoldfastError) -> ResiliencePipeline {
    try shared.pipeline(.custom, name, fileID: fileID, line: line, configure: configure)
  }
}
