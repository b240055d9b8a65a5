import Holdfast
import Testing

@testable import HoldfastRedis

@Suite struct RedisURLTests {
  @Test(arguments: [
    ("redis://", "localhost", 6379, 0), ("redis://h", "h", 6379, 0), ("REDIS://h", "h", 6379, 0),
    ("redis://h/", "h", 6379, 0), ("redis://h:1", "h", 1, 0),
    ("redis://h:65535/15", "h", 65535, 15),
    ("redis://:7000/2", "localhost", 7000, 2), ("redis://h:", "h", 6379, 0),
    ("redis://10.0.0.1:80", "10.0.0.1", 80, 0), ("redis://[::1]", "::1", 6379, 0),
    ("redis://[fe80::1]:80/1", "fe80::1", 80, 1), ("redis://h?db=3", "h", 6379, 3),
    ("redis://h/?db=3", "h", 6379, 3), ("redis://a%2Eb", "a.b", 6379, 0),
  ])
  func `an address of a server`(text: String, host: String, port: Int, database: Int) throws {
    let url = try RedisURL(text)
    #expect(url.address == .tcp(host: host, port: port))
    #expect(url.database == database)
    #expect(url.user == nil)
    #expect(url.password == nil)

    let secured = try RedisURL("rediss" + text.dropFirst(5))
    #expect(secured.address == .tls(host: host, port: port))
    #expect(secured.database == database)
  }

  @Test(arguments: [
    ("unix:///run/redis.sock", "/run/redis.sock", 0),
    ("unix:///run/redis.sock?db=2", "/run/redis.sock", 2),
    ("unix:///a%20b", "/a b", 0), ("unix://u:p@/s", "/s", 0),
  ])
  func `an address of a socket`(text: String, path: String, database: Int) throws {
    let url = try RedisURL(text)
    #expect(url.address == .unix(path: path))
    #expect(url.database == database)
  }

  @Test(arguments: [
    ("redis://u:p@h", "u", "p"), ("redis://:p@h", nil, "p"), ("redis://u:@h", "u", ""),
    ("redis://a%40b:c%3Ad%2F%25@h", "a@b", "c:d/%"), ("redis://u:p@q@h", "u", "p@q"),
    ("redis://u:p:q@h", "u", "p:q"), ("redis://u:%C3%A9@h", "u", "é"), ("unix://u:p@/s", "u", "p"),
  ])
  func `user and password are decoded`(text: String, user: String?, password: String) throws {
    let url = try RedisURL(text)
    #expect(url.user == user)
    #expect(url.password == password)
  }

  @Test(arguments: [
    ("", "no scheme"), ("h:6379", "no scheme"), ("http://h", "an unknown scheme"),
    ("redis+tls://h", "an unknown scheme"), ("redis://s3cret@h", "a user without a password"),
    ("redis://:s3cret@h:0", "a port"), ("redis://:s3cret@h:65536", "a port"),
    ("redis://:s3cret@h:6a", "a port"), ("redis://:s3cret@h:+1", "a port"),
    ("redis://:s3cret@a:b:1", "more than one :"), ("redis://:s3cret@[::1", "a [ without ]"),
    ("redis://:s3cret@[::1]1", "something other than :port"),
    ("redis://:s3cret@h/x", "a database"), ("redis://:s3cret@h/-1", "a database"),
    ("redis://:s3cret@h/1/2", "a database"), ("redis://:s3cret@h/99999999999", "a database"),
    ("redis://:s3cret@h/1?db=1", "more than one database"),
    ("redis://:s3cret@h?timeout=1", "an unknown parameter"), ("redis://:s3cret#1@h", "a #"),
    ("redis://:s3cret%4@h", "a % in the password"), ("redis://:s3cret%zz@h", "a % in the password"),
    ("redis://:s3cret%00@h", "a password that is no UTF-8"),
    ("redis://:s3cret%ff@h", "a password that is no UTF-8"),
    ("redis://%00", "a host that is no UTF-8"), ("unix://", "no path"), ("unix://h/s", "no path"),
    ("unix:///", "no path"), ("unix:///s?db=x", "a database"),
  ])
  func `what is wrong is said without the address`(text: String, fault: String) {
    #expect {
      _ = try RedisURL(text)
    } throws: { error in
      let error = error as? StorageError
      let message = error?.message ?? ""
      return error?.code == .invalidArgument && error?.outcome == .notDone
        && message.hasPrefix("the Redis address has \(fault)") && !message.contains("s3cret")
    }
  }
}
