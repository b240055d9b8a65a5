import Testing

@testable import Holdfast

/// The traces of `memory_storage.jsonl` and the values of `redis_roundtrip.jsonl`. The README beside
/// them says where Holdfast answers otherwise, and why; each such answer is counted.
@Suite struct StorageVectorTests {
  /// What comes back, or the kind of error.
  private enum Answer: Equatable, Decodable {
    case value(JSONValue)
    case error(String)

    private enum CodingKeys: CodingKey { case error }

    init(from decoder: any Decoder) throws {
      if let fields = try? decoder.container(keyedBy: CodingKeys.self),
        let code = try? fields.decode(String.self, forKey: .error)
      {
        self = .error(code)
      } else {
        self = .value(try JSONValue(from: decoder))
      }
    }
  }

  private struct Row: Decodable {
    struct Recommended: Decodable {
      let answer: Answer
      let why: String
    }

    let id: String
    let trace: [[JSONValue]]
    let recommended: [String: Recommended]?
  }

  private struct RoundTrip: Decodable {
    let id: String
    let set: JSONValue
    let get: JSONValue
    let quirk: String?
  }

  @Test func `every trace is answered as recorded, but for what is a fault`() async throws {
    let rows = try Conformance.rows("memory_storage.jsonl", as: Row.self)
    var operations = 0
    var differences: [String: Int] = [:]
    for row in rows {
      let clock = ManualClock()
      let storage = MemoryStorage(clock: clock)
      for (index, operation) in row.trace.enumerated() {
        operations += 1
        let answer = try await perform(operation, on: storage, clock)
        guard let answer, let recorded = operation.last else { continue }
        if let recommended = row.recommended?["\(index)"] {
          #expect(answer == recommended.answer, "\(row.id), operation \(index)")
          differences[recommended.why, default: 0] += 1
        } else {
          #expect(answer == .value(recorded.sorted), "\(row.id), operation \(index)")
        }
      }
    }
    #expect(rows.count == 63)
    #expect(operations == 1828)
    for (why, count) in differences.sorted(by: { $0.key < $1.key }) {
      print("conformance: swift memory_storage.jsonl \(count) answers differ by intention: \(why)")
    }
    print("conformance: swift memory_storage.jsonl \(rows.count) rows, \(operations) operations")
  }

  /// `nil`: it has no answer.
  private func perform(
    _ operation: [JSONValue], on storage: MemoryStorage, _ clock: ManualClock
  ) async throws -> Answer? {
    let name = try #require(operation.first?.text)
    do {
      if name == "advance" {
        clock.advance(by: .seconds(try #require(operation[1].number)))
        return nil
      }
      let key = try #require(operation[1].text)
      switch name {
      case "get":
        return .value(try await storage.value(forKey: key, as: JSONValue.self) ?? .null)
      case "set":
        // The TTL of one interface, or of the other, which counts more.
        let seconds = operation[4].number ?? operation[3].number
        try await storage.setValue(
          operation[2], forKey: key, expire: seconds.map { .seconds($0) })
        return .value(.boolean(true))
      case "exists": return .value(.boolean(try await storage.exists(key)))
      case "delete": return .value(.boolean(try await storage.delete(key)))
      case "expire":
        let seconds = try #require(operation[2].number)
        return .value(.boolean(try await storage.expire(key, after: .seconds(seconds))))
      case "increment":
        let amount = Int64(try #require(operation[2].number))
        return .value(.number(Double(try await storage.increment(key, by: amount))))
      default:
        var keys: [JSONValue] = []
        for try await found in storage.scan(StoragePattern(glob: key)) { keys.append(.text(found)) }
        return .value(JSONValue.array(keys).sorted)
      }
    } catch let error as StorageError {
      return .error(error.code.rawValue)
    }
  }

  @Test func `every value comes back as it was set`() async throws {
    let rows = try Conformance.rows("redis_roundtrip.jsonl", as: RoundTrip.self)
    var differing = 0
    let storage = MemoryStorage()
    for row in rows {
      try await storage.setValue(row.set, forKey: row.id)
      let back = try await storage.value(forKey: row.id, as: JSONValue.self)
      #expect(back == row.set, "\(row.id)")
      if row.quirk == nil { #expect(back == row.get, "\(row.id)") } else { differing += 1 }
    }
    #expect(rows.count == 7)
    print(
      "conformance: swift redis_roundtrip.jsonl \(rows.count) rows, \(differing) answers differ"
        + " by intention: quirk")
  }
}

/// Any JSON.
private enum JSONValue: Codable, Equatable {
  case null, boolean(Bool), number(Double), text(String), array([JSONValue])
  case object([String: JSONValue])

  var text: String? { if case .text(let text) = self { text } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }

  /// A list of keys has no order.
  var sorted: JSONValue {
    guard case .array(let values) = self, values.allSatisfy({ $0.text != nil }) else { return self }
    return .array(values.sorted { ($0.text ?? "") < ($1.text ?? "") })
  }

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let boolean = try? value.decode(Bool.self) {
      self = .boolean(boolean)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let array = try? value.decode([JSONValue].self) {
      self = .array(array)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .null: try value.encodeNil()
    case .boolean(let boolean): try value.encode(boolean)
    case .number(let number): try value.encode(number)
    case .text(let text): try value.encode(text)
    case .array(let array): try value.encode(array)
    case .object(let object): try value.encode(object)
    }
  }
}
