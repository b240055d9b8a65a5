// swift-tools-version: 6.2
import PackageDescription

// Stands in for swift-log 1.6 where nothing can be fetched: its declarations, as far as the library
// and the test use them, and nothing behind them.
let package = Package(
  name: "swift-log",
  products: [.library(name: "Logging", targets: ["Logging"])],
  targets: [.target(name: "Logging")]
)
