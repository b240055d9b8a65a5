// swift-tools-version: 6.2

import Foundation
import PackageDescription

// The C core draws its memory from jemalloc where its header is found, and from the C library
// otherwise; HOLDFAST_JEMALLOC=0 turns it off (the sanitizers bring an allocator of their own).
let jemallocHeaders = [
  "/usr/include/jemalloc/jemalloc.h", "/usr/local/include/jemalloc/jemalloc.h",
]
let jemalloc =
  Context.environment["HOLDFAST_JEMALLOC"] != "0"
  && jemallocHeaders.contains { FileManager.default.fileExists(atPath: $0) }

let cWarnings = [
  "all", "extra", "pedantic", "conversion", "sign-conversion", "shadow", "strict-prototypes",
  "missing-prototypes", "cast-align", "cast-qual", "undef", "double-promotion", "format=2", "vla",
  "null-dereference", "atomic-implicit-seq-cst",
]

let cSettings: [CSetting] =
  [.define("_GNU_SOURCE", .when(platforms: [.linux])), .treatAllWarnings(as: .error)]
  + cWarnings.map { .enableWarning($0) }

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
  name: "holdfast",
  products: [
    .library(name: "Holdfast", targets: ["Holdfast"]),
    .library(name: "HoldfastRedis", targets: ["HoldfastRedis"]),
    // What a storage must answer, for whoever writes one.
    .library(name: "HoldfastStorageConformance", targets: ["HoldfastStorageConformance"]),
    .executable(name: "holdfast", targets: ["HoldfastCommand"]),
  ],
  // What joins the library to packages that others use too. While a trait is off, and by default each is,
  // its package is neither fetched nor built, and the library depends on nothing.
  traits: [
    .trait(name: "SwiftLog", description: "SwiftLogSink: log events go to swift-log."),
    .trait(name: "SwiftMetrics", description: "SwiftMetricsSink: metrics go to swift-metrics."),
    .trait(
      name: "ServiceLifecycle",
      description: "Resilience is a Service of swift-service-lifecycle."),
    .default(enabledTraits: []),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-metrics.git", from: "2.5.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.6.0"),
  ],
  targets: [
    .target(
      name: "CHoldfast",
      path: ".",
      sources: ["csrc"],
      publicHeadersPath: "include",
      cSettings: cSettings + (jemalloc ? [.define("HF_USE_JEMALLOC")] : []),
      linkerSettings: jemalloc ? [.linkedLibrary("jemalloc")] : []
    ),
    .target(
      name: "Holdfast",
      dependencies: [
        "CHoldfast",
        .product(name: "Logging", package: "swift-log", condition: .when(traits: ["SwiftLog"])),
        .product(
          name: "CoreMetrics", package: "swift-metrics", condition: .when(traits: ["SwiftMetrics"])),
        .product(
          name: "ServiceLifecycle", package: "swift-service-lifecycle",
          condition: .when(traits: ["ServiceLifecycle"])),
      ],
      // Says how long what borrows a `Span` may live. Who uses the library does not need it.
      swiftSettings: swiftSettings + [.enableExperimentalFeature("Lifetimes")]
    ),

    // Sockets and TLS, which the core has none of. hiredis reads and writes the protocol.
    .target(
      name: "CHoldfastRedis",
      path: "Sources/CHoldfastRedis",
      cSettings: cSettings,
      linkerSettings: [
        .linkedLibrary("hiredis"), .linkedLibrary("ssl"), .linkedLibrary("crypto"),
      ]
    ),
    .target(
      name: "HoldfastRedis",
      dependencies: ["Holdfast", "CHoldfastRedis"],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "HoldfastStorageConformance",
      dependencies: ["Holdfast"],
      path: "Sources/HoldfastStorageConformance",
      swiftSettings: swiftSettings
    ),

    // The program. Its readers of JSON and CSV are C++, which the library never links.
    .target(
      name: "CEventReader",
      path: "Sources/CEventReader",
      cxxSettings: [.treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra")],
      linkerSettings: [.linkedLibrary("simdjson")]
    ),
    .executableTarget(
      name: "HoldfastCommand",
      dependencies: ["Holdfast", "CEventReader"],
      swiftSettings: swiftSettings
    ),

    // What the binding costs over C: see docs/benchmarks.md.
    .target(
      name: "BenchHarness",
      dependencies: ["CHoldfast"],
      path: "bench/harness",
      cSettings: cSettings + [
        .define("BENCH_FLAGS", to: "\"swift build -c release\""),
        .headerSearchPath("../../csrc"),
      ]
    ),
    .executableTarget(
      name: "HoldfastBenchmarks",
      dependencies: ["Holdfast", "CHoldfast", "BenchHarness"],
      path: "bench/swift",
      swiftSettings: swiftSettings
    ),

    // The Redis client beside redis-benchmark and hiredis.
    .target(
      name: "RedisBenchNative",
      path: "bench/redis/native",
      cSettings: cSettings,
      linkerSettings: [.linkedLibrary("hiredis")]
    ),
    .executableTarget(
      name: "HoldfastRedisBenchmarks",
      dependencies: ["Holdfast", "HoldfastRedis", "RedisBenchNative"],
      path: "bench/redis/client",
      swiftSettings: swiftSettings
    ),

    .target(
      name: "CHoldfastInternals",
      dependencies: ["CHoldfast"],
      path: "Tests/CHoldfastInternals"
    ),
    .testTarget(
      name: "HoldfastTests",
      dependencies: ["Holdfast", "CHoldfast", "CHoldfastInternals", "HoldfastStorageConformance"],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "HoldfastRedisTests",
      dependencies: ["Holdfast", "HoldfastRedis", "HoldfastStorageConformance"],
      swiftSettings: swiftSettings
    ),
    .testTarget(
      name: "HoldfastCommandTests",
      dependencies: ["HoldfastCommand", "CEventReader"],
      swiftSettings: swiftSettings
    ),
  ],
  cLanguageStandard: .c11,
  cxxLanguageStandard: .cxx17
)
