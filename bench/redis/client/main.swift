// The Redis client beside redis-benchmark and a blocking loop of hiredis, on one server in one run.

import Foundation
import Holdfast
import HoldfastRedis
import RedisBenchNative

let names = ["redis/set-get/64-tasks", "redis/get/pipeline-64", "redis/set-get/1-task"]

/// What an idle client takes.
func weighIdleClients(_ options: RedisOptions) async throws -> String {
  let count = 16
  let before = bench_private_bytes()
  guard before > 0 else { return "skipped: memory of an idle client: not known on this system" }
  var clients: [RedisClient] = []
  for _ in 0..<count {
    let client = RedisClient(options)
    try await client.connect()
    try await Workload(client: client).oneTask(pairs: 10)
    clients.append(client)
  }
  let busy = bench_private_bytes()
  try await Task.sleep(for: .seconds(2))  // by then it has given back what it does not need
  let each = (max(bench_private_bytes(), before) - before) / count / 1024
  let eachBusy = (max(busy, before) - before) / count / 1024
  for client in clients { await client.close() }
  return "memory of a client: \(each) KiB when idle, \(eachBusy) KiB in its first second; "
    + "the mean of \(count)"
}

/// Off the main thread, as a program's tasks are.
@concurrent func measure(_ chosen: [String], rounds: Int, socket: String) async throws {
  var options = try RedisOptions(url: "unix://\(socket)")
  options.retryDelay = .milliseconds(20)
  options.attempts = 100  // until the server is there
  let client = RedisClient(options)
  try await client.connect()
  let benchmark = RedisBenchmark(socket: socket)
  guard let blocking = unsafe bench_redis_open(socket) else {
    throw Failed("hiredis cannot connect to \(socket)")
  }
  defer { unsafe bench_redis_close(blocking) }
  let runBlocking = { (pairs: Int) throws in
    guard unsafe bench_redis_set_get(blocking, pairs) == 2 * pairs else {
      throw Failed("the blocking loop got a wrong reply")
    }
  }
  var notes = [try await weighIdleClients(options)]

  let work = Workload(client: client)
  try await work.manyTasks(pairs: 1)
  try runBlocking(1)
  _ = try benchmark.cost("set", commands: 1_000)
  try await work.checkKeys([RedisBenchmark.key, BENCH_REDIS_KEY])

  let rows = [
    Rounds(
      name: names[0], reference: "redis-benchmark -P 64",
      run: { try await Cost.of(64 * 800) { try await work.manyTasks(pairs: 400) } },
      runReference: { try benchmark.cost("set,get", commands: 100_000) }),
    Rounds(
      name: names[1], reference: "redis-benchmark -P 64",
      run: { try await Cost.of(64 * 800) { try await work.pipelines(800) } },
      runReference: { try benchmark.cost("get", commands: 100_000) }),
    Rounds(
      name: names[2], reference: "blocking hiredis",
      run: { try await Cost.of(4_000) { try await work.oneTask(pairs: 2_000) } },
      runReference: { try await Cost.of(4_000) { try runBlocking(2_000) } }),
  ].filter { chosen.isEmpty || chosen.contains($0.name) }
  for (index, row) in rows.enumerated() {
    print("start\t\(index + 1)\t\(rows.count)\t\(row.name)")
    notes.append(try await row.measure(rounds))
  }
  for note in notes { print("note\t\(note)") }
  await client.close()
}

bench_print_lines()
var arguments = Array(CommandLine.arguments.dropFirst())
var rounds = 41
if arguments.first == "--list" {
  for name in names { print(name) }
  exit(0)
}
if arguments.first == "--rounds", arguments.count > 1, let count = Int(arguments[1]), count > 0 {
  rounds = count
  arguments.removeFirst(2)
}
if let unknown = arguments.first(where: { !names.contains($0) }) {
  FileHandle.standardError.write(Data("bench: there is no row '\(unknown)'\n".utf8))
  exit(2)
}
do {
  // From the main thread: the others block the signals that end it, and it would as well.
  let server = try BenchServer()
  defer { server.stop() }
  try await measure(arguments, rounds: rounds, socket: server.socket)
} catch {
  FileHandle.standardError.write(Data("bench: \(error)\n".utf8))
  exit(1)
}
