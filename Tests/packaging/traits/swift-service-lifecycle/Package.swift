// swift-tools-version: 6.2
import PackageDescription

// Stands in for swift-service-lifecycle 2.6 where nothing can be fetched: its declarations, as far
// as the library and the test use them.
let package = Package(
  name: "swift-service-lifecycle",
  products: [.library(name: "ServiceLifecycle", targets: ["ServiceLifecycle"])],
  targets: [.target(name: "ServiceLifecycle")]
)
