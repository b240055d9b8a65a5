public import Holdfast

/// What every ``Storage`` must answer, as cases that any test can run.
///
/// ```swift
/// @Test(arguments: StorageConformance.cases)
/// func conforms(_ test: StorageConformance.Case) async throws {
///   try await test.run(on: MyStorage()) { try await Task.sleep(for: $0 + .milliseconds(20)) }
/// }
/// ```
///
/// A case throws a ``Failure`` that says what was answered and what should have been. It needs no empty
/// storage: its keys and channels begin with its name and something random, and it deletes its keys at
/// the end. But it closes the storage when that is what it is about.
public enum StorageConformance {
  /// Lets so much time pass: moves the clock by hand, or really waits, somewhat longer so that a
  /// server's clock has passed too.
  public typealias Advance = @Sendable (Duration) async throws -> Void

  /// One of the things that are asked.
  public struct Case: Sendable, CustomStringConvertible {
    /// What must be so.
    public let name: String
    /// Its name.
    public var description: String { name }
    private let body: @Sendable (Trial) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (Trial) async throws -> Void) {
      self.name = name
      self.body = body
    }

    /// Asks it.
    ///
    /// - Throws: a ``Failure``, or what the storage threw where it should not.
    public func run(on storage: any Storage, advance: @escaping Advance) async throws {
      let trial = Trial(
        storage: storage, advance: advance,
        prefix:
          "conformance:\(name.map { $0.isLetter ? $0 : "-" }.prefix(24).map(String.init).joined()):"
          + String(UInt64.random(in: 0 ... .max), radix: 36) + ":")
      try await storage.connect()
      do {
        try await body(trial)
      } catch {
        await trial.clean()
        throw error
      }
      await trial.clean()
    }
  }

  /// What was answered is not what must be.
  public struct Failure: Error, CustomStringConvertible {
    /// What it is about.
    public let message: String
    /// The file of the suite.
    public let file: String
    /// The line of the suite.
    public let line: Int

    /// Where and what.
    public var description: String { "\(file):\(line): \(message)" }
  }

  /// All of them, each of which stands for itself.
  public static let cases: [Case] =
    valueCases + timeCases + swapCases + numberCases + hashCases + scanCases + messageCases
    + lifeCases + crowdCases
}

/// A storage under trial.
struct Trial: Sendable {
  let storage: any Storage
  let advance: StorageConformance.Advance
  let prefix: String

  func key(_ name: String) -> String { prefix + name }

  func clean() async {
    // The case has failed or not; what is left over changes nothing about that.
    try? await storage.connect()
    do {
      for try await key in storage.scan(.prefix(prefix)) { try await storage.delete(key) }
    } catch {
      return
    }
  }
}

/// Throws unless both are the same.
func expect<Value: Equatable>(
  _ answer: Value, _ right: Value, _ what: String = "", file: StaticString = #fileID,
  line: Int = #line
) throws {
  if answer != right {
    throw StorageConformance.Failure(
      message: (what.isEmpty ? "" : what + ": ") + "answered \(answer), not \(right)",
      file: "\(file)", line: line)
  }
}

/// Throws unless it holds.
func expect(
  _ holds: Bool, _ what: String, file: StaticString = #fileID, line: Int = #line
) throws {
  if !holds {
    throw StorageConformance.Failure(message: what, file: "\(file)", line: line)
  }
}

/// Throws unless an error of this kind is thrown.
func expect(
  _ code: StorageError.Code, _ what: String = "", file: StaticString = #fileID, line: Int = #line,
  _ body: () async throws -> Void
) async throws {
  func fail(_ message: String) -> StorageConformance.Failure {
    .init(
      message: (what.isEmpty ? "" : what + ": ") + message, file: "\(file)", line: line)
  }
  do {
    try await body()
  } catch let error as StorageError {
    if error.code != code { throw fail("threw '\(error)', not \(code)") }
    if error.message.isEmpty { throw fail("threw \(code) without a message") }
    return
  }
  throw fail("threw nothing, not \(code)")
}

extension String {
  /// Its bytes, as a value.
  var bytes: [UInt8] { Array(utf8) }
}
