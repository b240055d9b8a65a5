import Testing

@testable import Holdfast

/// Patterns, as a redis-server of version 7 on x86-64 answered them.
@Suite struct StoragePatternTests {
  private struct Row: Decodable {
    let id: String
    let pattern: String
    let key: String
    let matches: Bool
  }

  @Test func `patterns match what a server says`() throws {
    let rows = try Conformance.rows("storage_patterns.jsonl", as: Row.self)
    for row in rows {
      let answer = StoragePattern(glob: row.pattern).matches(row.key)
      #expect(answer == row.matches, "\(row.id): '\(row.pattern)' and '\(row.key)'")
    }
    #expect(rows.count == 5000)
    print("conformance: swift storage_patterns.jsonl \(rows.count) rows")
  }

  @Test func `a text that is escaped matches itself alone`() {
    let texts = [
      "", "a", "*", "?", "[a]", "[^a]", "a-c", "\\", "\\\\", "^", "]", "é", "a*b?c[d]\\", "日本",
    ]
    for text in texts {
      for other in texts {
        let pattern = StoragePattern(glob: StoragePattern.escaped(text))
        #expect(pattern.matches(other) == (text == other), "'\(text)' and '\(other)'")
        let isPrefix = other.utf8.starts(with: text.utf8)
        #expect(StoragePattern.prefix(text).matches(other) == isPrefix, "'\(text)', '\(other)'")
      }
    }
    #expect(StoragePattern.all.matches(""))
  }

  /// 2^64 ways of giving the stars something, none of which is right.
  @Test func `stars take no exponential time`() {
    let pattern = String(repeating: "*a", count: 64) + "*b"
    #expect(!StoragePattern(glob: pattern).matches(String(repeating: "a", count: 10_000)))
    let sets = String(repeating: "*[a-c]?", count: 64) + "*[!"
    #expect(!StoragePattern(glob: sets).matches(String(repeating: "ab", count: 5000)))
  }
}
