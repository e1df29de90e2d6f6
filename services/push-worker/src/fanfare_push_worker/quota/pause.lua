-- Opens a project's breaker, so that every worker stops at its next draw; after a 429 also halves the rate, once a pause.
-- KEYS: project's bucket
-- ARGV: seconds, 1 to halve the rate, SECONDS_TO_CLIMB_BACK as in draw.lua
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local LEAST_FACTOR = 0.05
local bucket = redis.call('HMGET', KEYS[1], 'paused_until', 'factor', 'factor_at')
local paused_until = tonumber(bucket[1] or 0)
local until_then = math.max(paused_until, now + tonumber(ARGV[1]))
if ARGV[2] == '1' and paused_until <= now then
  local factor = tonumber(bucket[2] or 1)
  if factor < 1 then
    factor = math.min(1, factor + math.max(0, now - tonumber(bucket[3])) / tonumber(ARGV[3]))
  end
  redis.call('HSET', KEYS[1], 'factor', math.max(LEAST_FACTOR, factor / 2), 'factor_at', string.format('%.6f', until_then))
end
-- The bucket is empty when the pause ends.
redis.call('HSET', KEYS[1], 'paused_until', string.format('%.6f', until_then), 'tokens', 0, 'at', string.format('%.6f', until_then))
redis.call('EXPIRE', KEYS[1], 300 + math.ceil(until_then - now))
return math.ceil((until_then - now) * 1000)
