import Holdfast
import Logging
import ServiceLifecycle

var logger = Logger(label: "shop")
logger.logLevel = .notice
let log: any LogSink = SwiftLogSink(logger)
print(log.isEnabled(.info), log.isEnabled(.notice), log.isEnabled(.critical))
// prints: false true true
log.log(.info, "not shown", metadata: [])
log.log(.warning, "the circuit is open", metadata: [("operation", "api"), ("after", "5")])
// prints: warning [Holdfast] the circuit is open after=5 operation=api
log.log(.critical, "twice", metadata: [("a", "1"), ("a", "2")])
// prints: critical [Holdfast] twice a=1

let metrics: any MetricsSink = SwiftMetricsSink()
let tags = [("operation", "api"), ("outcome", "success")]
let attempts = metrics.makeCounter("attempts_total", help: "Attempts.", tags: tags)
attempts.add()  // prints: counter attempts_total{operation=api,outcome=success} += 1.0
attempts.add(2.5)  // prints: counter attempts_total{operation=api,outcome=success} += 2.5
attempts.add(-1)
attempts.add(.nan)
let abandoned = metrics.makeGauge("abandoned", help: "Bodies left behind.", tags: [])
abandoned.set(3)  // prints: meter abandoned{} = 3.0
abandoned.add(1)  // prints: meter abandoned{} += 1.0
abandoned.add(-2)  // prints: meter abandoned{} -= 2.0
let seconds = metrics.makeHistogram("seconds", help: "Times.", tags: [("a", "b")], buckets: [1])
seconds.record(0.25)  // prints: recorder seconds{a=b} 0.25

let service: any Service = try Resilience(metrics: metrics, log: log)
let cancelled = Task { try await service.run() }
cancelled.cancel()
print(await cancelled.result)  // prints: failure(Swift.CancellationError())
let running = Task { try await service.run() }
Shutdown.begin()
try await running.value
print("shut down")  // prints: shut down
