// swift-tools-version: 6.2
import PackageDescription

// Outside programs: one that uses the library as it is, and one that has its traits on. Which it is says
// the environment, since traits hold for a whole build.
let isJoined = Context.environment["HOLDFAST_TRAITS"] == "on"

let holdfast: Target.Dependency = .product(name: "Holdfast", package: "holdfast")
let path = Context.environment["HOLDFAST_PATH"] ?? "../../../.."

let package = Package(
  name: "HoldfastUser",
  dependencies: isJoined
    ? [
      .package(
        name: "holdfast", path: path, traits: ["SwiftLog", "SwiftMetrics", "ServiceLifecycle"]),
      .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
      .package(
        url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.6.0"),
    ]
    : [.package(name: "holdfast", path: path)],
  targets: [
    isJoined
      ? .executableTarget(
        name: "Joined",
        dependencies: [
          holdfast,
          .product(name: "Logging", package: "swift-log"),
          .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ])
      : .executableTarget(name: "Plain", dependencies: [holdfast])
  ]
)
