/// A moment in UTC, to the nanosecond, in the years 1 to 9999.
struct Timestamp {
  /// Whole seconds since 1970, rounded down.
  private let seconds: Int
  /// 0 to 999,999,999 more.
  private let nanoseconds: Int

  private static let years = -62_135_596_800..<253_402_300_800

  private init?(seconds: Int, nanoseconds: Int) {
    guard Self.years.contains(seconds) else { return nil }
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// A reading of the wall clock, in milliseconds: more digits would say nothing about a decision.
  init?(wallClock time: Nanoseconds) {
    let milliseconds = Int(time / 1_000_000)
    self.init(seconds: milliseconds / 1000, nanoseconds: milliseconds % 1000 * 1_000_000)
  }

  /// A number is Unix time in seconds, or in milliseconds from 10^11 on (the year 5138 in seconds).
  init?(unix number: Double) {
    let time = number.magnitude < 1e11 ? number : number / 1000
    guard time.magnitude < 1e12 else { return nil }
    let whole = time.rounded(.down)
    // Finer than a microsecond a double has nothing to say about today.
    let microseconds = Int(((time - whole) * 1e6).rounded())
    self.init(
      seconds: Int(whole) + microseconds / 1_000_000,
      nanoseconds: microseconds % 1_000_000 * 1000)
  }

  /// ISO 8601 as logs have it: `2026-11-21T13:20:02.123+01:00`, with `T` or a space, seconds and
  /// their fraction or none, a zone or none. Without a zone it is UTC; a date alone is its midnight.
  init?(parsing text: UnsafeBufferPointer<UInt8>) {
    var reader = unsafe Reader(text: text)
    guard let year = reader.number(digits: 4), reader.take("-"),
      let month = reader.number(digits: 2), reader.take("-"),
      let day = reader.number(digits: 2),
      year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(of: month, year: year)
    else { return nil }
    var seconds = Self.daysSince1970(year: year, month: month, day: day) * 86_400
    var fraction = 0
    if !reader.isAtEnd {
      guard reader.take("T") || reader.take("t") || reader.take(" "),
        let hour = reader.number(digits: 2), hour < 24, reader.take(":"),
        let minute = reader.number(digits: 2), minute < 60
      else { return nil }
      seconds += hour * 3600 + minute * 60
      if reader.take(":") {
        // A leap second is the first of the next minute.
        guard let second = reader.number(digits: 2), second <= 60 else { return nil }
        seconds += second
        if reader.take(".") || reader.take(",") {
          guard let nanoseconds = reader.fraction() else { return nil }
          fraction = nanoseconds
        }
      }
      guard let offset = reader.zone(), reader.isAtEnd else { return nil }
      seconds -= offset
    }
    self.init(seconds: seconds, nanoseconds: fraction)
  }

  /// Room that ``write(to:)`` never exceeds.
  static let longestText = 30

  /// `2026-11-21T13:20:02.123Z`, with 3 decimals, or 6 or 9 where that many say something.
  ///
  /// - Returns: how many bytes it wrote.
  func write(to text: UnsafeMutablePointer<UInt8>) -> Int {
    // Rounded down also before 1970.
    let day = (seconds - Self.years.lowerBound) / 86_400 + Self.years.lowerBound / 86_400
    let second = seconds - day * 86_400
    let date = Self.date(daysSince1970: day)
    var end = unsafe text
    func put(_ number: Int, _ digits: Int, _ separator: Unicode.Scalar) {
      var rest = number
      for place in stride(from: digits - 1, through: 0, by: -1) {
        unsafe end[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
      unsafe end[digits] = UInt8(truncatingIfNeeded: separator.value)
      unsafe end += digits + 1
    }
    put(date.year, 4, "-")
    put(date.month, 2, "-")
    put(date.day, 2, "T")
    put(second / 3600, 2, ":")
    put(second / 60 % 60, 2, ":")
    put(second % 60, 2, ".")
    if nanoseconds % 1_000_000 == 0 {
      put(nanoseconds / 1_000_000, 3, "Z")
    } else if nanoseconds % 1000 == 0 {
      put(nanoseconds / 1000, 6, "Z")
    } else {
      put(nanoseconds, 9, "Z")
    }
    return unsafe end - text
  }

  // MARK: The calendar
  //
  // Days are counted in years that begin in March, so that the leap day is the last of its year,
  // and in eras of 400 years, which repeat (Hinnant, "chrono-compatible low-level date algorithms").

  private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let era = shifted / 400  // never negative: the years are above 0
    let yearOfEra = shifted % 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
      dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    )
  }

  private static func days(of month: Int, year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  @safe private struct Reader {
    private var text: Slice<UnsafeBufferPointer<UInt8>>

    init(text: UnsafeBufferPointer<UInt8>) {
      unsafe self.text = unsafe text[...]
    }

    var isAtEnd: Bool { unsafe text.isEmpty }

    mutating func take(_ wanted: Unicode.Scalar) -> Bool {
      guard let byte = unsafe text.first, UInt32(byte) == wanted.value else { return false }
      unsafe text.removeFirst()
      return true
    }

    private mutating func digit() -> Int? {
      guard let byte = unsafe text.first, (0x30...0x39).contains(byte) else { return nil }
      unsafe text.removeFirst()
      return Int(byte) - 0x30
    }

    mutating func number(digits: Int) -> Int? {
      var number = 0
      for _ in 0..<digits {
        guard let digit = digit() else { return nil }
        number = number * 10 + digit
      }
      return number
    }

    /// Any number of digits, of which nine count.
    mutating func fraction() -> Int? {
      guard var nanoseconds = digit() else { return nil }
      var digits = 1
      while let digit = digit() {
        if digits < 9 {
          nanoseconds = nanoseconds * 10 + digit
          digits += 1
        }
      }
      for _ in digits..<9 { nanoseconds *= 10 }
      return nanoseconds
    }

    /// Seconds east of UTC; 0 without a zone.
    mutating func zone() -> Int? {
      if isAtEnd || take("Z") || take("z") { return 0 }
      let isWest = take("-")
      guard isWest || take("+"), let hours = number(digits: 2), hours < 24 else { return nil }
      _ = take(":")
      guard let minutes = isAtEnd ? 0 : number(digits: 2), minutes < 60 else { return nil }
      let seconds = hours * 3600 + minutes * 60
      return isWest ? -seconds : seconds
    }
  }
}
