import Synchronization

extension ResiliencePipeline {
  /// Goes through the stages from this one on, and runs the body within.
  func step(
    _ index: Int, _ call: inout ResilienceCall, _ body: Body
  ) async throws {
    guard index < stages.count else {
      return try await runBody(&call, body)
    }
    switch stages[index] {
    case .rateLimit(let limiter):
      do {
        try await limiter.enter(until: deadline(of: call, by: limiter.timers))
      } catch {
        throw refused(error, by: .rateLimit)
      }
      return try await step(index + 1, &call, body)
    case .bulkhead(let bulkhead):
      return try await within(bulkhead, index, &call, body)
    case .circuitBreaker(let breaker):
      return try await guarded(by: breaker, index, &call, body)
    case .retry(let retry):
      return try await retrying(retry, index, &call, body)
    case .limit(let kind, let limit, let nanoseconds):
      return try await limited(kind, limit, nanoseconds, index, &call, body)
    }
  }

  /// When the call has to be over by the timers of a stage, which may count from another instant.
  @inline(__always) private func deadline(
    of call: borrowing ResilienceCall, by others: Timers
  ) -> UInt64 {
    if others === timers || call.deadline == .max { return call.deadline }
    let now = timers.now
    return others.now &+ (call.deadline > now ? call.deadline - now : 0)
  }

  // MARK: - Bulkheads

  @inline(__always) private func within(
    _ bulkhead: Bulkhead, _ index: Int, _ call: inout ResilienceCall, _ body: Body
  ) async throws {
    do {
      try await bulkhead.enter(until: deadline(of: call, by: bulkhead.timers))
    } catch {
      throw refused(error, by: .bulkhead)
    }
    let place = UInt64(1) << UInt64(index)
    call.entered |= place
    call.held |= place
    defer {
      if call.held & place != 0 { bulkhead.leave() }
      call.entered &= ~place
      call.held &= ~place
    }
    return try await step(index + 1, &call, body)
  }

  /// Takes other places in the bulkheads where an abandoned attempt has those of this call.
  func enterAgain(_ call: inout ResilienceCall) async throws {
    for (index, stage) in stages.enumerated() {
      let place = UInt64(1) << UInt64(index)
      guard call.entered & ~call.held & place != 0, case .bulkhead(let bulkhead) = stage else {
        continue
      }
      do {
        try await bulkhead.enter(until: deadline(of: call, by: bulkhead.timers))
      } catch {
        throw refused(error, by: .bulkhead)
      }
      call.held |= place
    }
  }

  private func leaveBehind(_ attempt: Attempt, _ call: inout ResilienceCall) {
    // Counted and told before the body can end, so that nobody hears of the end first.
    forEachBulkhead(of: call.held) { $0.abandon() }
    let abandoned = counts.abandoned.add(1, ordering: .relaxed).newValue
    observer?.abandoned(now: abandoned)
    guard attempt.abandon(.init(pipeline: self, bulkheads: call.held)) else {
      forEachBulkhead(of: call.held) { $0.takeBack() }
      let left = counts.abandoned.subtract(1, ordering: .relaxed).newValue
      observer?.abandonedEnded(now: left)
      return
    }
    call.held = 0
  }

  /// The body of an attempt that was left behind has ended.
  func abandonedBodyEnded(holding bulkheads: UInt64) {
    forEachBulkhead(of: bulkheads) { $0.leaveAbandoned() }
    let abandoned = counts.abandoned.subtract(1, ordering: .relaxed).newValue
    observer?.abandonedEnded(now: abandoned)
  }

  private func forEachBulkhead(of places: UInt64, _ action: (Bulkhead) -> Void) {
    var places = places
    while places != 0 {
      if case .bulkhead(let bulkhead) = stages[places.trailingZeroBitCount] { action(bulkhead) }
      places &= places - 1
    }
  }

  // MARK: - Circuit breakers

  @inline(__always) private func guarded(
    by breaker: CircuitBreaker, _ index: Int, _ call: inout ResilienceCall, _ body: Body
  ) async throws {
    let ticket: CircuitBreaker.Ticket
    do throws(CircuitOpenError) {
      ticket = try breaker.begin()
    } catch {
      throw refused(error, by: .circuitBreaker)
    }
    do {
      try await step(index + 1, &call, body)
      breaker.finish(ticket, as: .success)
    } catch {
      settle(ticket, of: breaker, after: error)
      throw error
    }
  }

  private func settle(
    _ ticket: CircuitBreaker.Ticket, of breaker: CircuitBreaker, after error: any Error
  ) {
    switch error {
    case let error as DeadlinePassed:
      // Of the stages around: waiting for a permit says nothing about the service.
      breaker.finish(ticket, as: error.inBody && !Task.isCancelled ? .failure : .neutral)
    case is CircuitOpenError, is BulkheadFullError, is RateLimitedError:
      breaker.finish(ticket, as: .neutral)
    case let error as RetryExhaustedError:
      if let last = error.lastError { return settle(ticket, of: breaker, after: last) }
      breaker.finish(ticket, throwing: error)
    default:
      breaker.finish(ticket, throwing: error)
    }
  }

  private func refused(_ error: any Error, by stage: ResilienceEvent.Stage) -> any Error {
    if !(error is CancellationError || error is DeadlinePassed) {
      counts.rejected.add(1, ordering: .relaxed)
      observer?.rejected(by: stage, error: error)
    }
    return error
  }

  // MARK: - Time

  @inline(__always) private func limited(
    _ kind: TimeoutError.Kind, _ limit: Duration, _ nanoseconds: UInt64, _ index: Int,
    _ call: inout ResilienceCall, _ body: Body
  ) async throws {
    let now = timers.now
    let (end, overflow) = now.addingReportingOverflow(nanoseconds)
    call.attemptBegan = now
    guard !overflow, end < call.deadline else {
      return try await step(index + 1, &call, body)
    }
    let deadline = call.deadline
    call.deadline = end
    defer { call.deadline = deadline }
    do {
      return try await step(index + 1, &call, body)
    } catch let error as DeadlinePassed {
      // This one's: a limit within that is earlier has caught its own, and one that is later set none.
      throw timedOut(kind, after: limit, error)
    }
  }

  // MARK: - The body

  @inline(__always) private func runBody(_ call: inout ResilienceCall, _ body: Body) async throws {
    if !isTimedLast, timesAttempts || call.deadline != .max { call.attemptBegan = timers.now }
    if Task.isCancelled { throw CancellationError() }
    let failure: (any Error)?
    if case .here = call.place, call.deadline == .max {
      failure = await error(of: body)
    } else {
      failure = try await runTask(&call, body)
    }
    if let observer {
      let outcome: PipelineObserver.AttemptOutcome =
        failure.map { $0 is CancellationError ? .cancelled : .failure } ?? .success
      observer.attemptEnded(outcome, after: timers.now &- call.attemptBegan)
    }
    if let failure { throw failure }
  }

  @inline(__always) private func error(of body: Body) async -> (any Error)? {
    do { try await body(nil) } catch { return error }
    return nil
  }

  /// - Returns: what the body threw.
  private func runTask(
    _ call: inout ResilienceCall, _ body: Body
  ) async throws -> (any Error)? {
    guard call.deadline == .max || call.attemptBegan < call.deadline else {
      throw DeadlinePassed()
    }
    if case .thread(let threads) = call.place { try threads.refuseIfFull() }
    let attempt = attempts.take()
    let outcome = try await attempt.run(until: call.deadline) {
      try await body(attempt)
    }
    guard case .ended(let failure, let isReusable) = outcome else {
      leaveBehind(attempt, &call)
      observer?.attemptEnded(.timeout, after: timers.now &- call.attemptBegan)
      throw DeadlinePassed(inBody: true)
    }
    if isReusable { attempts.giveBack(attempt) }
    return failure
  }
}
