// swift-tools-version: 6.2
import PackageDescription

// Stands in for swift-metrics 2.5 where nothing can be fetched: its declarations, as far as the
// library uses them, with a backend that prints.
let package = Package(
  name: "swift-metrics",
  products: [.library(name: "CoreMetrics", targets: ["CoreMetrics"])],
  targets: [.target(name: "CoreMetrics")]
)
