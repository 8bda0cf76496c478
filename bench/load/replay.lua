-- Sends prepared requests. Arguments: FILE of whole HTTP requests, each ended by a NUL byte; "again" to begin anew at
-- the end of the file, "once" to stop there (a code is good for one exchange).
local requests, count, at, again = {}, 0, 0, true

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local all = file:read("*a")
  file:close()
  local from = 1
  while true do
    local stop = string.find(all, "\0", from, true)
    if not stop then break end
    count = count + 1
    requests[count] = string.sub(all, from, stop - 1)
    from = stop + 1
  end
  again = args[2] == "again"
end

function request()
  at = at + 1
  if at > count then
    if not again then wrk.thread:stop() end
    at = 1
  end
  return requests[at]
end

function done(summary, latency, _)
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"longest":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
