import Glibc

/// What the C library says of an error number, such as "No such file or directory".
func systemMessage(_ number: Int32) -> String {
  unsafe String(cString: strerror(number))
}
