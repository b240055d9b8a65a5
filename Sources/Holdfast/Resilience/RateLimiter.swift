/// Limits how often something may happen.
public final class RateLimiter: Sendable {}
