// swift-tools-version:6.0
import Foundation
import PackageDescription

// Where the compiled library lies; `cargo xtask bindings swift` says it. The sources under Sources/ are generated, but for
// Stream.swift.
let library = ProcessInfo.processInfo.environment["LAZAI_LIBRARY"] ?? "lib"

let package = Package(
    name: "Lazai",
    products: [.library(name: "Lazai", targets: ["Lazai"]), .executable(name: "lazai-chat", targets: ["lazai-chat"])],
    targets: [
        .systemLibrary(name: "LazaiFFI"),
        .target(
            name: "Lazai", dependencies: ["LazaiFFI"],
            linkerSettings: [
                .linkedLibrary("lazai"), .unsafeFlags(["-L", library, "-Xlinker", "-rpath", "-Xlinker", library]),
            ]),
        .executableTarget(name: "lazai-chat", dependencies: ["Lazai"]),
        .testTarget(name: "LazaiTests", dependencies: ["Lazai"]),
    ],
    swiftLanguageModes: [.v5]
)
