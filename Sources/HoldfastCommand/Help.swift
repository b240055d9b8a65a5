/// What the program says about itself.
enum Help {
  static let commands = ["run", "eval", "check"]

  static func text(of command: String) -> String? {
    switch command {
    case "run": run
    case "eval": eval
    case "check": check
    default: nil
    }
  }

  /// For the end of an error about the command line.
  static func pointer(_ command: String) -> String { "Try 'holdfast \(command) --help'." }

  static let overview = """
    holdfast - decide by rules that operators write, over live figures and recorded events

    usage: holdfast COMMAND …

      run     evaluate the rules of a policy over this machine's figures, or over
              events in JSON Lines or CSV; print one decision for each match
      eval    evaluate one condition, or many from standard input
      check   find everything that is wrong with a policy file

    A first look, nothing to prepare:

      holdfast eval "severity >= 0.8 and recurrence_count >= 2" severity=0.9 recurrence_count=3

    This machine, watched by the policy that comes with Holdfast:

      holdfast run examples/policies/host.json --input host --for 15s

    options:
      --help, -h   this text; 'holdfast COMMAND --help' says more about a command
      --version    the version

    exit status: 0 done or true, 1 false or problems found, 2 an error, 130 stopped by Ctrl-C
    """

  static let eval = """
    holdfast eval - evaluate conditions

    usage: holdfast eval CONDITION [name=value …] [--schema FILE] [--explain]
           holdfast eval --jsonl [--schema FILE] < ROWS

    CONDITION is one argument, so put it in quotes. It compares numbers, quoted strings and
    variables by >= <= > < == !=, joined by 'and', 'or' and parentheses; 'always' alone always
    holds. The variables are severity, recurrence_count, confidence, step and duration, or those
    that --schema declares.

      holdfast eval "severity >= 0.8 and recurrence_count >= 2" severity=0.9 recurrence_count=3
      holdfast eval "severity > 0.5 or step == 3" severity=0.2 step=1 --explain
      holdfast eval "region == 'eu'" region=eu --schema examples/policies/telemetry.json

    A value is a number (3, -0.5, 1e6), true, false, null, and everything else is a string;
    severity="'3'" is the string 3. For a variable that is declared as string the value is the
    text as it stands. Every variable that the condition names needs a value.

    options:
      --explain       after the answer: each comparison with the values it used
      --schema FILE   the variables: JSON {"variables": {"cpu": "number", …}}, or a policy;
                      the types are number, string, boolean and any
      --jsonl         rows {"id", "expr", "context"} from standard input, an answer for each in
                      order: {"id":…,"result":true} or
                      {"id":…,"error":{"code":…,"offset":…,"length":…,"message":…}}

        echo '{"id":1,"expr":"severity > 0.5","context":{"severity":0.7}}' | holdfast eval --jsonl

    exit status: 0 true, 1 false, 2 an error; with --jsonl 0 when all rows were answered
    """

  static let check = """
    holdfast check - find everything that is wrong with policy files

    usage: holdfast check POLICY …

      holdfast check examples/policies/host.json

    A policy is JSON:

      {
        "version": 1,
        "variables": {"cpu_percent": "number", "region": "string"},
        "rules": [
          {
            "id": "hot",
            "when": "cpu_percent > 90 and region == 'eu'",
            "then": "throttle",
            "description": "Optional, for people."
          }
        ]
      }

    Every problem is printed as FILE:LINE:COLUMN: message, with a caret under the place.

    exit status: 0 no problems, 1 problems, 2 a file cannot be read
    """

  static let run = """
    holdfast run - evaluate the rules of a policy over events

    usage: holdfast run POLICY --input host|FILE|- [options]

      holdfast run examples/policies/host.json --input host --for 15s
      holdfast run examples/policies/telemetry.json --input examples/data/telemetry.csv
      tail -f events.jsonl | holdfast run policy.json --input - --output decisions.jsonl

    Each rule that matches an event prints one line of JSON:

      {"time":"2026-11-21T13:20:02.123Z","step":1,"rule":"hot","then":"throttle","values":{…}}

    time is the event's own, or that of the decision; step is the event's number. Standard error
    says what is skipped or cannot be evaluated, and at the end a summary.

    options:
      --input host        sample this machine: cpu_percent, memory_percent, memory_available_mb,
                          disk_usage_percent, load_1m, process_count, cpu_pressure_avg10,
                          memory_pressure_avg10, io_pressure_avg10
      --input FILE        events from a file: one JSON object a line, or CSV with a header row
      --input -           events from standard input
      --format jsonl|csv  for FILE the default follows its name (.jsonl, .ndjson, .json, .csv),
                          for - it is jsonl
      --for DURATION      stop after that long
      --every DURATION    host: sample that often (default 1s); FILE and -: take one event at a
                          time, that far apart
      --limit N           stop after N events
      --output FILE       write the decisions there instead of to standard output

    DURATION is a number with ms, s, m or h: 500ms, 15s, 2m.

    environment:
      NO_COLOR            no colours on a terminal
      HOLDFAST_HOST_ROOT  sample the machine whose /proc is at this directory's proc; for
                          containers that see their host's files there

    exit status: 0 done, 2 an error, 130 stopped by Ctrl-C (143 by SIGTERM), with the summary
    """
}
