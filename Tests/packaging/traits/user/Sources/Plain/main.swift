import Holdfast

// Run with SHOP_API_TIMEOUT=2.5.
let settings = try ResilienceSettings(environment: nil, prefix: "SHOP_")
print(settings[.api].timeout)  // prints: 2.5 seconds
