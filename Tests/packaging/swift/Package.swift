// swift-tools-version: 6.2
import PackageDescription

// An outside package: it finds Holdfast by the path in HOLDFAST_PATH. The sources of its targets
// `Readme`, `Words`, `Columns` and `Calls` are those of examples/, which Tests/packaging/run copies in.
let holdfast: Target.Dependency = .product(name: "Holdfast", package: "holdfast")

let package = Package(
  name: "HoldfastUser",
  dependencies: [
    .package(name: "holdfast", path: Context.environment["HOLDFAST_PATH"] ?? "../../..")
  ],
  targets: [
    .executableTarget(name: "OneLine", dependencies: [holdfast]),
    .executableTarget(name: "Readme", dependencies: [holdfast]),
    .executableTarget(name: "Words", dependencies: [holdfast]),
    .executableTarget(name: "Columns", dependencies: [holdfast]),
    .executableTarget(name: "Calls", dependencies: [holdfast]),
  ]
)
