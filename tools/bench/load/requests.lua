-- Load for wrk: wrk … -s requests.lua URL -- API MIX BYTES KEYS DISTRIBUTION SEED
--   API           kvs (PUT and GET on /v1/KEY), kvs-consistent (GET on /v1/KEY?consistent) or etcd (its JSON gateway, /v3/kv/put and /v3/kv/range)
--   MIX           how many requests of a hundred are GETs, from 0 to 100
--   DISTRIBUTION  uniform or zipfian (exponent 0.99), over KEYS keys
-- Requests are made before the clock starts and sent from a list, so that wrk's time goes into sending and receiving.

local dir = debug.getinfo(1, "S").source:match("@?(.*/)") or "./"
local keys = dofile(dir .. "keys.lua")
local base64 = dofile(dir .. "base64.lua")

local most_requests = 50000
local most_bytes = 16 * 1024 * 1024
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

local function filler(bytes)
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
  local list = {}
  for i = 1, bytes do
    local at = math.random(#letters)
    list[i] = letters:sub(at, at)
  end
  return table.concat(list)
end

local function post(path, body)
  return "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local apis = {
  kvs = {
    get = function(key) return "GET /v1/" .. key .. " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" end,
    put = function(key, value)
      return "PUT /v1/" .. key .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " .. #value .. "\r\n\r\n" .. value
    end,
  },
  ["kvs-consistent"] = {
    get = function(key) return "GET /v1/" .. key .. "?consistent HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" end,
  },
  etcd = {
    get = function(key) return post("/v3/kv/range", '{"key":"' .. base64(key) .. '"}') end,
    put = function(key, value)
      return post("/v3/kv/put", '{"key":"' .. base64(key) .. '","value":"' .. base64(value) .. '"}')
    end,
  },
}

local list, count, at = {}, 0, 0

function init(args)
  local api, mix, bytes = apis[args[1]], tonumber(args[2]), tonumber(args[3])
  math.randomseed(tonumber(args[6]) + (number or 0))
  local draw = keys(tonumber(args[4]), args[5])
  -- Values differ: what repeats would be compressed where it is stored, and so cost less than it does in life.
  local pool = filler(bytes + 4096)
  count = math.max(64, math.min(most_requests, math.floor(most_bytes / (bytes + 150))))
  for i = 1, count do
    if math.random(100) <= mix then
      list[i] = api.get(draw())
    else
      local from = math.random(4096)
      list[i] = api.put(draw(), pool:sub(from, from + bytes - 1))
    end
  end
  collectgarbage()
  started_cpu = os.clock()
end

function request()
  at = at % count + 1
  return list[at]
end

function done(summary, latency)
  local begun = 0
  for _, thread in ipairs(threads) do begun = math.max(begun, thread:get("started_cpu")) end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"generatorSeconds":%.6f,"p50":%.3f,"p99":%.3f,"p999":%.3f,"max":%.3f,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\n',
    summary.requests, summary.duration / 1e6, os.clock() - begun, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3, latency.max / 1e3,
    e.connect, e.read, e.write, e.timeout, e.status))
end
