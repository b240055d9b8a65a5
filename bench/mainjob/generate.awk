# Writes COUNT made-up events, the same ones as JSON Lines and as CSV:
#
#   mawk -v count=1000000 -v seed=1 -v jsonl=events.jsonl -v csv=events.csv -f generate.awk
#
# Some 154 bytes an event as JSON, 60 as CSV. `id` is the event's number.
BEGIN {
  srand(seed)
  split("billing search login upload report export mail admin", domains, " ")
  print "id,severity,recurrence_count,confidence,duration,domain,host,healthy" >csv
  for (id = 1; id <= count; id++) {
    severity = sprintf("%.4f", rand())
    recurrence = int(rand() * 6)
    confidence = sprintf("%.3f", rand())
    duration = sprintf("%.2f", rand() * 400)
    domain = domains[int(rand() * 8) + 1]
    host = sprintf("node-%03d.example.org", int(rand() * 500))
    healthy = rand() < 0.97 ? "true" : "false"
    printf "{\"id\":%d,\"severity\":%s,\"recurrence_count\":%d,\"confidence\":%s," \
      "\"duration\":%s,\"domain\":\"%s\",\"host\":\"%s\",\"healthy\":%s}\n", \
      id, severity, recurrence, confidence, duration, domain, host, healthy >jsonl
    printf "%d,%s,%d,%s,%s,%s,%s,%s\n", \
      id, severity, recurrence, confidence, duration, domain, host, healthy >csv
  }
}
