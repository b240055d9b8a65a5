import CHoldfast

/// What is linked.
public enum HoldfastLibrary {
  /// The version, as `major.minor.patch`.
  ///
  /// - Complexity: O(1).
  public static var version: String { unsafe String(cString: hf_version()) }
}
