#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Reads the field `Retry-After` of an HTTP answer (RFC 9110, section 10.2.3), for a ``RetryAfterError``.
///
/// ```swift
/// var retryAfter: Duration? { headers["Retry-After"].flatMap(RetryAfterField.delay(_:)) }
/// ```
public enum RetryAfterField {
  /// How long the server asks to wait from now.
  ///
  /// - Parameter field: whole seconds, such as `120`, or a date, such as
  ///   `Fri, 31 Dec 1999 23:59:59 GMT`, which is compared with the clock of this machine. (Not one in
  ///   the two forms that were obsolete in 1997.)
  /// - Returns: zero for a date that has passed, no more than a hundred years; `nil` when it is neither.
  /// - Complexity: O(length).
  public static func delay(_ field: String) -> Duration? {
    delay(field, at: Date().timeIntervalSince1970)
  }

  /// `now`: seconds since 1970.
  static func delay(_ field: String, at now: Double) -> Duration? {
    let field = field.drop { $0 == " " || $0 == "\t" }
    if let seconds = number(field) { return .seconds(min(seconds, longest)) }
    guard let date = date(field) else { return nil }
    return .seconds(min(max(Double(date) - now, 0), Double(longest)))
  }

  private static let longest = 100 * 365 * 86_400

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Digits only. So many that it does not fit are the most that there is.
  private static func number(_ text: Substring) -> Int? {
    let isNumber =
      !text.isEmpty
      && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return isNumber ? Int(text) ?? .max : nil
  }

  /// Seconds since 1970. The day of the week is not compared with the date.
  private static func date(_ text: Substring) -> Int? {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 6, words[0].last == ",", words[5] == "GMT",
      let day = number(words[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(words[2])),
      let year = number(words[3]), (1970...9999).contains(year)
    else { return nil }
    let time = words[4].split(separator: ":", omittingEmptySubsequences: false).map(number)
    // 60 is a leap second.
    guard time.count == 3, let hour = time[0], hour < 24, let minute = time[1], minute < 60,
      let second = time[2], second <= 60
    else { return nil }
    return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
  }

  /// Since 1970. `month`: 0 to 11. Years begin in March here, so that a leap day is their last.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month < 2 ? year - 1 : year
    let fromMarch = (month + 10) % 12
    let leapDays = year / 4 - year / 100 + year / 400
    let beginningOf1970 = 719_468
    return year * 365 + leapDays + (153 * fromMarch + 2) / 5 + day - 1 - beginningOf1970
  }
}
