import Glibc

/// This machine's figures, as the kernel tells them.
struct HostSampler {
  enum Figure: String, CaseIterable {
    case cpuPercent = "cpu_percent"
    case memoryPercent = "memory_percent"
    case memoryAvailable = "memory_available_mb"
    case diskUsage = "disk_usage_percent"
    case load = "load_1m"
    case processCount = "process_count"
    case cpuPressure = "cpu_pressure_avg10"
    case memoryPressure = "memory_pressure_avg10"
    case ioPressure = "io_pressure_avg10"
  }

  /// Why a figure is not there.
  struct Absence: Error {
    let reason: String
  }

  /// What the processors have done since the machine started, in ticks.
  private struct ProcessorTimes {
    var busy: UInt64
    var total: UInt64
  }

  private let root: String
  private var processorTimes: ProcessorTimes?
  private var latestCPUPercent: Double?

  /// - Parameter root: where `proc` is, and the file system whose usage counts; empty for `/`.
  init(root: String) {
    self.root = root
  }

  /// Reads one figure as it is now.
  ///
  /// The share of busy processor time is that since the previous reading of this figure. The first
  /// one only takes the starting point.
  ///
  /// - Returns: `nil` where it needs another reading.
  mutating func read(_ figure: Figure) throws(Absence) -> Double? {
    switch figure {
    case .cpuPercent: return try cpuPercent()
    case .memoryPercent:
      let total = try memory("MemTotal")
      let available = try memory("MemAvailable")
      return total > 0 ? 100 * (total - min(total, available)) / total : 0
    case .memoryAvailable: return try memory("MemAvailable") / 1024
    case .diskUsage: return try diskUsage()
    case .load: return try number(in: "/proc/loadavg", after: "")
    case .processCount: return try processCount()
    case .cpuPressure: return try number(in: "/proc/pressure/cpu", after: "some avg10=")
    case .memoryPressure: return try number(in: "/proc/pressure/memory", after: "some avg10=")
    case .ioPressure: return try number(in: "/proc/pressure/io", after: "some avg10=")
    }
  }

  private mutating func cpuPercent() throws(Absence) -> Double? {
    let path = "/proc/stat"
    let fields =
      try text(of: path).split(separator: "\n", maxSplits: 1)
      .first?.split(separator: " ") ?? []
    // user nice system idle iowait irq softirq steal; guest time is part of user time already.
    let ticks = fields.dropFirst().prefix(8).compactMap { UInt64($0) }
    guard fields.first == "cpu", ticks.count >= 5 else { throw unreadable(path) }
    let total = ticks.reduce(0, &+)
    let now = ProcessorTimes(busy: total &- ticks[3] &- ticks[4], total: total)
    let before = processorTimes
    processorTimes = now
    // Between two readings less than a tick apart nothing is known: the latest figure stands.
    if let before, now.total > before.total {
      // The kernel lets idle time run backwards a little at times.
      let busy = now.busy > before.busy ? Double(now.busy - before.busy) : 0
      latestCPUPercent = min(100, 100 * busy / Double(now.total - before.total))
    }
    return latestCPUPercent
  }

  /// In kibibytes.
  private func memory(_ name: String) throws(Absence) -> Double {
    try number(in: "/proc/meminfo", after: name + ":")
  }

  /// Of what ordinary users may fill, as df counts it.
  private func diskUsage() throws(Absence) -> Double {
    let path = root.isEmpty ? "/" : root
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else {
      throw Absence(reason: "\(path): \(systemMessage(errno))")
    }
    let used = Double(status.f_blocks) - Double(status.f_bfree)
    let usable = used + Double(status.f_bavail)
    return usable > 0 ? 100 * used / usable : 0
  }

  private func processCount() throws(Absence) -> Double {
    let path = root + "/proc"
    guard let directory = unsafe opendir(path) else {
      throw Absence(reason: "\(path): \(systemMessage(errno))")
    }
    defer { unsafe closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) {
      if unsafe (0x31...0x39).contains(UInt8(bitPattern: entry.pointee.d_name.0)) { count += 1 }
    }
    return Double(count)
  }

  /// The number that follows a line's beginning.
  private func number(in path: String, after beginning: String) throws(Absence) -> Double {
    for line in try text(of: path).split(separator: "\n") where line.hasPrefix(beginning) {
      let rest = line.dropFirst(beginning.count).drop { $0 == " " }
      if let number = Double(rest.prefix { $0 != " " }) { return number }
    }
    throw unreadable(path)
  }

  private func unreadable(_ path: String) -> Absence {
    Absence(reason: "\(root)\(path): not in the form that Linux gives it")
  }

  /// The beginning of a file, where all figures are.
  private func text(of path: String) throws(Absence) -> String {
    let path = root + path
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Absence(reason: "\(path): \(systemMessage(errno))") }
    defer { close(descriptor) }
    guard let bytes = InputFile.readAll(descriptor, atMost: 16 * 1024) else {
      throw Absence(reason: "\(path): \(systemMessage(errno))")
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
