/// Limits how many calls are under way at once.
public final class Bulkhead: Sendable {}
