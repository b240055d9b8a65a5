import CHoldfast

/// The version of Holdfast.
public enum HoldfastVersion {
  /// The version that is linked, as `major.minor.patch`.
  ///
  /// - Complexity: O(1).
  public static var current: String { unsafe String(cString: hf_version()) }
}
