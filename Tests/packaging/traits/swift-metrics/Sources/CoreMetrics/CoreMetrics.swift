// The real ones have the words.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public final class FloatingPointCounter: Sendable {
  public let label: String
  private let series: String

  public init(label: String, dimensions: [(String, String)] = []) {
    self.label = label
    series = name(label, dimensions)
  }

  public func increment<Amount: BinaryFloatingPoint>(by amount: Amount) {
    print("counter \(series) += \(Double(amount))")
  }
}

public final class Meter: Sendable {
  public let label: String
  private let series: String

  public init(label: String, dimensions: [(String, String)] = []) {
    self.label = label
    series = name(label, dimensions)
  }

  public func set<Value: BinaryInteger>(_ value: Value) { set(Double(value)) }

  public func set<Value: BinaryFloatingPoint>(_ value: Value) {
    print("meter \(series) = \(Double(value))")
  }

  public func increment<Amount: BinaryFloatingPoint>(by amount: Amount) {
    print("meter \(series) += \(Double(amount))")
  }

  public func decrement<Amount: BinaryFloatingPoint>(by amount: Amount) {
    print("meter \(series) -= \(Double(amount))")
  }
}

// Open, and so not checked: the real one is a class with a subclass, `Gauge`.
public class Recorder: @unchecked Sendable {
  public let label: String
  public let aggregate: Bool
  private let series: String

  public init(label: String, dimensions: [(String, String)] = [], aggregate: Bool = true) {
    self.label = label
    self.aggregate = aggregate
    series = name(label, dimensions)
  }

  public func record<Value: BinaryInteger>(_ value: Value) { record(Double(value)) }

  public func record<Value: BinaryFloatingPoint>(_ value: Value) {
    print("recorder \(series) \(Double(value))\(aggregate ? "" : ", alone")")
  }
}

private func name(_ label: String, _ dimensions: [(String, String)]) -> String {
  "\(label){\(dimensions.map { "\($0)=\($1)" }.joined(separator: ","))}"
}
