import Foundation
import Testing

@testable import Holdfast

@Suite struct RetryAfterFieldTests {
  @Test(arguments: [
    ("0", 0), ("120", 120), (" 7", 7), ("007", 7), ("3153600001", 3_153_600_000),
    ("99999999999999999999999", 3_153_600_000),
  ])
  func `seconds are what they say, up to a hundred years`(field: String, seconds: Int) {
    #expect(RetryAfterField.delay(field, at: 5) == .seconds(seconds))
  }

  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Dec 1999 23:59:59 GMT", 946_684_799),
    ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
    ("Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_480),
    ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
  ])
  func `a date is so long from now`(field: String, seconds: Int) {
    #expect(RetryAfterField.delay(field, at: Double(seconds) - 90.5) == .seconds(90.5))
    #expect(RetryAfterField.delay(field, at: Double(seconds)) == .zero)
    #expect(RetryAfterField.delay(field, at: Double(seconds) + 1) == .zero)
  }

  @Test func `days of four hundred years are those of the calendar`() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    // Every eleventh, since the calendar is slow.
    for day in stride(from: 0, to: 146_097, by: 11) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
      let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
      ][
        (parts.month ?? 0) - 1]
      let text = "Mon, \(parts.day ?? 0) \(month) \(parts.year ?? 0) 00:00:01 GMT"
      let delay = RetryAfterField.delay(text, at: Double(day) * 86_400)
      if delay != .seconds(1) { Issue.record("\(text): \(String(describing: delay))") }
    }
  }

  @Test(arguments: [
    "", " ", "-1", "+1", "1.5", "1s", "soon", "Wed, 21 Oct 2015 07:28:00", "GMT",
    "Wed, 21 Oct 2015 07:28:00 CET", "Wed, 21 Okt 2015 07:28:00 GMT",
    "Wed, 32 Oct 2015 07:28:00 GMT", "Wed, 00 Oct 2015 07:28:00 GMT",
    "Wed, 21 Oct 1969 07:28:00 GMT", "Wed, 21 Oct 10000 07:28:00 GMT",
    "Wed, 21 Oct 2015 24:28:00 GMT", "Wed, 21 Oct 2015 07:60:00 GMT",
    "Wed, 21 Oct 2015 07:28:61 GMT", "Wed, 21 Oct 2015 07:28 GMT",
    "Wednesday, 21-Oct-15 07:28:00 GMT", "Wed Oct 21 07:28:00 2015",
    "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
  ])
  func `what is neither says nothing`(field: String) {
    #expect(RetryAfterField.delay(field, at: 0) == nil)
  }

  @Test func `the present is that of the machine`() {
    #expect(RetryAfterField.delay("Wed, 21 Oct 2015 07:28:00 GMT") == .zero)
    #expect(RetryAfterField.delay("Fri, 31 Dec 9999 23:59:59 GMT") == .seconds(3_153_600_000))
  }
}
