-- Sends prepared requests. Arguments: FILE of whole HTTP requests, each ended by a NUL byte; "again" to begin anew at
-- the end of the file, "once" to stop there (a code is good for one exchange). "alexa": an ErrorResponse counts as refused.
local requests, count, at, again = {}, 0, 0, true
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);")
local moment = ffi.new("moment")
local threads = {}

local function microseconds()
  ffi.C.clock_gettime(1, moment)
  return tonumber(moment.s) * 1e6 + tonumber(moment.ns) / 1e3
end

function setup(thread)
  table.insert(threads, thread)
end

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
  if args[3] == "alexa" then
    errors = 0
    response = function(_, _, body)
      if string.find(body, '"ErrorResponse"', 1, true) then errors = errors + 1 end
    end
  end
end

function request()
  at = at + 1
  begun = begun or microseconds()
  if at > count then
    if not again then
      ended = ended or microseconds()
      wrk.thread:stop()
    end
    at = 1
  end
  return requests[at]
end

-- wrk itself counts the whole duration, also when the requests came to their end before.
function done(summary, latency, _)
  local milliseconds, slots = {}, {}
  for each = 1, #latency do
    local value, count = latency(each)
    local slot = math.ceil(value / 1000)
    if not milliseconds[slot] then table.insert(slots, slot) end
    milliseconds[slot] = (milliseconds[slot] or 0) + count
  end
  for number, slot in ipairs(slots) do slots[number] = string.format("[%d,%d]", slot, milliseconds[slot]) end
  local ended = threads[1]:get("ended")
  local duration = ended and ended - threads[1]:get("begun") or summary.duration
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"longest":%d,"refused":%d,"broken":%d,"within":[%s]}\n',
    summary.requests, duration, latency:percentile(50), latency:percentile(99), latency.max,
    summary.errors.status + (threads[1]:get("errors") or 0),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    table.concat(slots, ",")))
end
