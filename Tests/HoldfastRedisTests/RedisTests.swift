import Testing

/// Everything that needs a server, one after the other: faults are about time, and a machine that is
/// busy with twenty servers has none.
@Suite(.serialized, .timeLimit(.minutes(5))) enum RedisTests {}
