import Foundation
import Holdfast
import HoldfastRedis

extension RedisServer {
  /// How its client reaches it: patient, but quick to try again.
  func clientOptions() throws -> RedisOptions {
    var options = try RedisOptions(url: url)
    options.retryDelay = .milliseconds(5)
    options.tls.authoritiesPath = self.options.certificates?.authority
    return options
  }

  /// Runs the body with a client of it, and closes the client.
  func withClient<Result>(
    _ change: (inout RedisOptions) -> Void = { _ in },
    _ body: (RedisClient) async throws -> Result
  ) async throws -> Result {
    var options = try clientOptions()
    change(&options)
    return try await closing(RedisClient(options), body)
  }
}

/// Runs the body with a client of a plain port, which tries each command once.
func withClient<Result>(
  of url: String, _ change: (inout RedisOptions) -> Void = { _ in },
  _ body: (RedisClient) async throws -> Result
) async throws -> Result {
  var options = try RedisOptions(url: url)
  options.retryDelay = .milliseconds(5)
  options.attempts = 1
  change(&options)
  return try await closing(RedisClient(options), body)
}

private func closing<Result>(
  _ client: RedisClient, _ body: (RedisClient) async throws -> Result
) async throws -> Result {
  let result: Swift.Result<Result, any Error>
  do { result = .success(try await body(client)) } catch { result = .failure(error) }
  await client.close()
  return try result.get()
}

/// What kind of failure something ends with, and what became of it; `nil`: it did not fail.
func failure(_ body: () async throws -> Void) async throws -> Failure? {
  do {
    try await body()
    return nil
  } catch let error as StorageError {
    return Failure(code: error.code, outcome: error.outcome, message: error.message)
  }
}

struct Failure: Sendable, CustomStringConvertible {
  let code: StorageError.Code
  let outcome: StorageError.Outcome
  let message: String
  var description: String { "\(code) (\(outcome.rawValue)): \(message)" }
}

/// Under ThreadSanitizer all is some ten times as slow.
let isUnderThreadSanitizer = unsafe dlsym(nil, "__tsan_init") != nil
