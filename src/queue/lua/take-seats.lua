-- Counts a claim's seats as held by its holder, unless that makes more than the limit.
--
-- KEYS  1 the holder's claims   sorted set   seat .. ' ' .. claim → when it ends, ms
-- ARGV  1 claim  2 when it ends, ms  3 now in ms, or '' for the server's clock  4 heldMax  5 claimsMax  6… seats
-- Reply 1 when it counts (the same claim again, too), 0 when it would be too many.
--
-- Work is O(log n) a seat and O(n) once for the n claims of this holder on seats, at most claimsMax. "Over" means
-- ends <= now.

local CLAIMS = KEYS[1]
local claim, ends = ARGV[1], tonumber(ARGV[2])
local held_max, claims_max = tonumber(ARGV[4]), tonumber(ARGV[5])

local now = tonumber(ARGV[3])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

redis.call('ZREMRANGEBYSCORE', CLAIMS, '-inf', now)

local counted, seats, claims = {}, 0, 0
local function count(seat)
  claims = claims + 1
  if not counted[seat] then
    counted[seat] = true
    seats = seats + 1
  end
end

for _, member in ipairs(redis.call('ZRANGE', CLAIMS, 0, -1)) do
  local seat, by = string.match(member, '^(%S+) (%S+)$')
  if by ~= claim then count(seat) end
end
for n = 6, #ARGV do count(ARGV[n]) end
if seats > held_max or claims > claims_max then return 0 end

for n = 6, #ARGV do redis.call('ZADD', CLAIMS, ends, ARGV[n] .. ' ' .. claim) end
-- The key lives as long as its last claim.
local last = tonumber(redis.call('ZRANGE', CLAIMS, -1, -1, 'WITHSCORES')[2])
redis.call('PEXPIRE', CLAIMS, math.max(1, last - now))
return 1
