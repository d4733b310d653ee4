done = function(summary)
  local e = summary.errors
  io.write(string.format("counted: %d %d %d %d\n", summary.duration, summary.requests, summary.bytes,
    e.connect + e.read + e.write + e.timeout + e.status))
end
