-- A reservation no longer holds its seats. Removes the claims on these seats that have the same end
-- as the reservation. Claims with another end stay. Keeps the facts that the rules of fair use need
-- later.
--
-- KEYS  1 the user's claims   (see take-seats.lua)
-- ARGV  1 session  2 the planned end of the reservation, ms  3 'paid' | 'given-back' | 'never'
--       4 now in ms, or '' for the server's clock  5 againMs  6 how long paid seats are kept, ms;
--       0: they are not kept  7… its seats
-- Reply the number of removed claims. O(log n + m) for the m claims with this end.

local CLAIMS = KEYS[1]
local session, how = ARGV[1], ARGV[3]
local again_ms, sold_ms = tonumber(ARGV[5]), tonumber(ARGV[6])

local now = tonumber(ARGV[4])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local over = {}
for n = 7, #ARGV do over[ARGV[n]] = true end
local removed = 0
for _, member in ipairs(redis.call('ZRANGE', CLAIMS, ARGV[2], ARGV[2], 'BYSCORE')) do
  local at, seat, by, since = string.match(member, '^(%S+) (%S+) (%S+) (%S+)$')
  if at == session and over[seat] and by ~= '=' and by ~= '~' then
    removed = removed + redis.call('ZREM', CLAIMS, member)
    if how == 'given-back' and again_ms > 0 and tonumber(ARGV[2]) > now then
      redis.call('ZADD', CLAIMS, now, session .. ' ' .. seat .. ' ~ ' .. since)
    end
  end
end
for n = 7, #ARGV do
  local sold = session .. ' ' .. ARGV[n] .. ' = 0'
  if how == 'paid' and sold_ms > 0 then
    redis.call('ZADD', CLAIMS, now + sold_ms, sold)
  elseif how == 'given-back' then
    redis.call('ZREM', CLAIMS, sold)
  end
end
local last = redis.call('ZRANGE', CLAIMS, -1, -1, 'WITHSCORES')[2]
if last then
  redis.call('PEXPIRE', CLAIMS, math.max(1, tonumber(last) - now + math.max(again_ms, sold_ms)))
end
return removed
