/// A client whose calls all go through one pipeline.
///
/// ```swift
/// let users = Resilient(database, through: try Resilience.database("users"))
///
/// let user = try await users { try await $0.user(id) }
/// ```
public struct Resilient<Client: Sendable>: Sendable {
  /// What is called.
  public let client: Client
  /// What its calls go through.
  public let pipeline: ResiliencePipeline

  /// Wraps a client.
  public init(_ client: Client, through pipeline: ResiliencePipeline) {
    self.client = client
    self.pipeline = pipeline
  }

  /// Makes a call; as ``ResiliencePipeline/run(_:)``.
  public func callAsFunction<Result: Sendable>(
    _ body: @escaping @Sendable (Client) async throws -> Result
  ) async throws -> Result {
    let client = client
    return try await pipeline.run { try await body(client) }
  }

  /// Makes a call, or something else when it fails; as ``ResiliencePipeline/run(_:fallback:)``.
  public func callAsFunction<Result: Sendable>(
    _ body: @escaping @Sendable (Client) async throws -> Result,
    fallback: (any Error) async throws -> Result
  ) async throws -> Result {
    let client = client
    return try await pipeline.run({ try await body(client) }, fallback: fallback)
  }

  /// Makes a call that may block its thread; as ``ResiliencePipeline/runBlocking(on:_:)``.
  public func blocking<Result: Sendable>(
    on threads: BlockingThreads = .shared,
    _ body: @escaping @Sendable (Client) throws -> Result
  ) async throws -> Result {
    let client = client
    return try await pipeline.runBlocking(on: threads) { try body(client) }
  }
}
