#if ServiceLifecycle
  public import ServiceLifecycle

  extension Resilience: Service {}

  extension Resilience {
    /// Cancels the body when the group of the service shuts down; it has ended as it should then.
    func untilShutdown(_ body: @escaping @Sendable () async throws -> Void) async throws {
      do {
        try await cancelWhenGracefulShutdown(body)
      } catch is CancellationError where !Task.isCancelled {}
    }
  }
#endif
