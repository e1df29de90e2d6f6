-- Draws from a project's bucket and, where there is one, a campaign's, on Redis' own clock.
-- KEYS: project's bucket [, campaign's bucket]
-- ARGV: want, least, reserve, seconds to climb back, project's rate, capacity [, campaign's rate, capacity]
-- Returns {drawn, milliseconds to wait, 1 if the breaker is open}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local want, least, reserve, climb_back = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local SECONDS_TO_FORGET = 300

local project = redis.call('HMGET', KEYS[1], 'paused_until', 'factor', 'factor_at')
local paused_until = tonumber(project[1] or 0)
if paused_until > now then
  return {0, math.ceil((paused_until - now) * 1000), 1}
end
-- After a 429 the rate is `factor` of the full one and climbs back, evenly, from nothing to all in `climb_back` seconds.
local factor = tonumber(project[2] or 1)
if factor < 1 then
  factor = math.min(1, factor + math.max(0, now - tonumber(project[3])) / climb_back)
end

local available, wait = want, 0
local levels = {}
for index, key in ipairs(KEYS) do
  local rate = tonumber(ARGV[3 + 2 * index]) * (index == 1 and factor or 1)
  local capacity = tonumber(ARGV[4 + 2 * index])
  local kept = index == 1 and reserve or 0
  local bucket = redis.call('HMGET', key, 'tokens', 'at')
  local at = tonumber(bucket[2] or now)
  local tokens = math.min(capacity, tonumber(bucket[1] or 0) + math.max(0, now - at) * rate)
  levels[index] = tokens
  available = math.min(available, math.floor(tokens - kept))
  wait = math.max(wait, (least - (tokens - kept)) / rate)
end

local drawn = 0
if available >= least then
  drawn, wait = available, 0
end
for index, key in ipairs(KEYS) do
  redis.call('HSET', key, 'tokens', string.format('%.6f', levels[index] - drawn), 'at', string.format('%.6f', now))
  redis.call('EXPIRE', key, SECONDS_TO_FORGET)
end
return {drawn, math.max(0, math.ceil(wait * 1000)), 0}
