-- Counts the seats of a claim for its user, unless a rule of fair use forbids this.
--
-- KEYS  1 the user's claims   sorted set
--         session .. ' ' .. seat .. ' ' .. by .. ' ' .. since → the end, ms
--         by: the claim; '~' for a hold that was given back; '=' for a seat that was paid
--         since: the time when the seat's hold began, minus the duration of earlier holds that were
--         given back, ms
-- ARGV  1 claim  2 session  3 its end, ms  4 now in ms, or '' for the server's clock
--       5 heldMax  6 heldTotalMax  7 boughtMax, or -1 for none  8 holdMs  9 againMs  10 claimsMax
--       11 payingMs  12 the number of seats  13… the seats, then the seats that the user has bought
-- Reply {1} if the claim counts (also if it already counted); otherwise {0, rule, ms until it could
--       count or -1, seat or ''}
--
-- The work is O(log n) per seat, and once O(n log n) for the n entries of this user, at most
-- claimsMax. "Over" means ends <= now.

local CLAIMS = KEYS[1]
local claim, session, ends = ARGV[1], ARGV[2], tonumber(ARGV[3])
local held_max, total_max, bought_max = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local hold_ms, again_ms, claims_max = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local paying_ms, seats_count = tonumber(ARGV[11]), tonumber(ARGV[12])

local now = tonumber(ARGV[4])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local kept_ms = math.max(again_ms, bought_max >= 0 and paying_ms or 0)
redis.call('ZREMRANGEBYSCORE', CLAIMS, '-inf', now - kept_ms)

local wanted, seats = {}, {}
for n = 13, 12 + seats_count do
  wanted[ARGV[n]] = true
  seats[#seats + 1] = ARGV[n]
end
local bought = {}
for n = 13 + seats_count, #ARGV do bought[ARGV[n]] = true end

-- By seat, the end of the last claim on it. Seats of this session have their id as key; other seats
-- also have the id of their session.
local here, elsewhere, mine, used, waits = {}, {}, {}, {}, {}
local claims = seats_count
local entries = redis.call('ZRANGE', CLAIMS, 0, -1, 'WITHSCORES')
for n = 1, #entries, 2 do
  local at, seat, by, since = string.match(entries[n], '^(%S+) (%S+) (%S+) (%S+)$')
  local over = tonumber(entries[n + 1])
  local is_here = at == session
  if by == '=' then
    if is_here and over > now then bought[seat] = true end
  elseif by == claim then
    if is_here then mine[seat] = true end
  else
    claims = claims + 1
    local held = is_here and here or elsewhere
    local name = is_here and seat or at .. ' ' .. seat
    if over > now then
      held[name] = math.max(held[name] or 0, over)
    elseif is_here then
      local took = over - tonumber(since)
      if took >= hold_ms then waits[seat] = math.max(waits[seat] or 0, over + again_ms) end
      if over + again_ms > now then used[seat] = math.max(used[seat] or 0, took) end
      if by ~= '~' and over + paying_ms > now then bought[seat] = true end
    end
  end
end

local function refuse(rule, at, seat)
  return { 0, rule, at and math.max(1, at - now) or -1, seat or '' }
end

-- The time when enough other claims have ended; nil if this never happens.
local function room_at(others, excess)
  table.sort(others)
  return others[excess]
end

for _, seat in ipairs(seats) do
  local at = waits[seat]
  if at and at > now and not here[seat] then return refuse('again', at, seat) end
end

local others, all, may_end = {}, {}, {}
local bought_count = 0
for _ in pairs(bought) do bought_count = bought_count + 1 end
for seat, over in pairs(here) do
  if not wanted[seat] then
    others[#others + 1] = over
    all[#all + 1] = over
    if not bought[seat] then may_end[#may_end + 1] = over end
  end
end
for _, over in pairs(elsewhere) do all[#all + 1] = over end

local excess = #others + seats_count - held_max
if excess > 0 then return refuse('session', room_at(others, excess)) end
excess = #all + seats_count - total_max
if excess > 0 then return refuse('total', room_at(all, excess)) end
if claims > claims_max then return refuse('session', room_at(all, 1)) end
if bought_max >= 0 then
  local more = 0
  for _, seat in ipairs(seats) do if not bought[seat] then more = more + 1 end end
  excess = bought_count + #may_end + more - bought_max
  if excess > 0 then return refuse('bought', room_at(may_end, excess)) end
end

for _, seat in ipairs(seats) do
  if not mine[seat] then
    local since = string.format('%.0f', ends - hold_ms - (used[seat] or 0))
    redis.call('ZADD', CLAIMS, ends, session .. ' ' .. seat .. ' ' .. claim .. ' ' .. since)
  end
end
-- The key exists as long as its last entry counts.
local last = tonumber(redis.call('ZRANGE', CLAIMS, -1, -1, 'WITHSCORES')[2])
redis.call('PEXPIRE', CLAIMS, math.max(1, last - now + kept_ms))
return { 1 }
