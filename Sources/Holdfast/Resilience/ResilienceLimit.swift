/// The deadline of a call passed while a stage waited on its behalf. Whoever set the deadline turns it
/// into the error that the caller sees.
struct DeadlinePassed: Error {}
