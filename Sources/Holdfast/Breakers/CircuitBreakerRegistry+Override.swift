extension CircuitBreakerRegistry {
  /// What is different for one name of a registry.
  ///
  /// The registry asks its closure `overrides` when a breaker is asked for that nobody holds. It
  /// takes the options when it makes the breaker: one that is there already keeps its own, until it
  /// is configured, or evicted and made again. It takes the classifier each time. So let the answer
  /// follow from the name alone.
  ///
  /// The closure is called with no lock held, and by two tasks at once if both ask. It may ask the
  /// registry for breakers of other names.
  public struct Override: Sendable {
    /// All options, of the window too; `nil`: those of the registry.
    public var options: CircuitBreaker.Options?
    /// What an error says about this service; `nil`: as in the registry.
    public var classify: (@Sendable (any Error) -> CircuitBreaker.Outcome)?

    /// Both as in the registry, but for what is given.
    public init(
      options: CircuitBreaker.Options? = nil,
      classify: (@Sendable (any Error) -> CircuitBreaker.Outcome)? = nil
    ) {
      self.options = options
      self.classify = classify
    }
  }
}
