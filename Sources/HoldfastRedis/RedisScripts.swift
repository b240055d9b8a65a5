/// The scripts that a storage needs.
enum RedisScripts {
  /// Compares a value and swaps it. ARGV: whether a value is expected ("1"), that value, whether
  /// there is a new one ("1"), that value, its TTL in milliseconds or "". Answers 1 or 0.
  ///
  /// A key of another kind makes GET fail, and its fault is the answer: that is how a storage says
  /// so, and newer servers would wrap it.
  static let compareAndSwap = RedisScript(
    """
    local current = redis.pcall('GET', KEYS[1])
    if type(current) == 'table' then return current end
    if ARGV[1] == '1' then
      if current ~= ARGV[2] then return 0 end
    elseif current then
      return 0
    end
    if ARGV[3] ~= '1' then
      redis.call('DEL', KEYS[1])
    elseif ARGV[5] == '' then
      redis.call('SET', KEYS[1], ARGV[4])
    else
      redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
    end
    return 1
    """)
}
