-- Posts prepared forms of the pages and counts the answers by status. Arguments: FILE as for replay.lua.
local requests, count, at = {}, 0, 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local all = file:read("*a")
  file:close()
  for one in string.gmatch(all, "([^%z]+)%z") do
    count = count + 1
    requests[count] = one
  end
  wrong, begun, limited, busy, other = 0, 0, 0, 0, 0
end

function request()
  at = at % count + 1
  return requests[at]
end

function response(status)
  if status == 422 then wrong = wrong + 1
  elseif status == 303 then begun = begun + 1
  elseif status == 429 then limited = limited + 1
  elseif status == 503 then busy = busy + 1
  else other = other + 1 end
end

function done(summary, latency, _)
  local thread = threads[1]
  io.write(string.format(
    '\n{"microseconds":%d,"wrong":%d,"begun":%d,"limited":%d,"busy":%d,"other":%d}\n',
    summary.duration, thread:get("wrong"), thread:get("begun"), thread:get("limited"), thread:get("busy"),
    thread:get("other")))
end
