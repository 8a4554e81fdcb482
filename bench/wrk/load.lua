-- Requests for wrk, one thread. Arguments: what to send, and a file with one value a line.
--   refresh: a refresh token; the answer's token takes its place at the end of the queue
--   bearer:  an access token, in turn
--   login:   an e-mail address, in turn; the password is the third argument
--   introspect: a token in a form, in turn; the Authorization header is the third argument
local kind, values, first, last, password

function init(args)
  kind, password = args[1], args[3]
  values, first, last = {}, 1, 0
  for line in io.lines(args[2]) do
    last = last + 1
    values[last] = line
  end
  wrk.headers['Content-Type'] = kind ~= 'bearer' and 'application/json' or nil
  if kind == 'introspect' then
    wrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'
    wrk.headers['Authorization'] = args[3]
  end
  wrk.headers['User-Agent'] = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
  if kind ~= 'refresh' then response = nil end
end

local function take()
  local value = values[first]
  values[first] = nil
  first = first + 1
  return value
end

local function give_back(value)
  last = last + 1
  values[last] = value
end

function request()
  local value = take()
  if kind == 'refresh' then
    return wrk.format('POST', nil, nil, '{"refreshToken":"' .. value .. '"}')
  end
  give_back(value)
  if kind == 'login' then
    return wrk.format('POST', nil, nil, '{"email":"' .. value .. '","password":"' .. password .. '"}')
  end
  if kind == 'introspect' then return wrk.format('POST', nil, nil, 'token=' .. value) end
  wrk.headers['Authorization'] = 'Bearer ' .. value
  return wrk.format('GET')
end

function response(status, headers, body)
  local token = body:match('"refreshToken":"([^"]+)"')
  if token ~= nil then give_back(token) end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"failed":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status
  ))
end
