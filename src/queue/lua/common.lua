-- What the scripts of the waiting queue share; it comes before each of them.
--
-- KEYS  1 present   sorted set   user who waits and is there → rank (the order of the line): the number, or
--                                the rank by lot
--       2 ends      sorted set   user who waits → when the next poll is overdue, of who is there; else when the
--                                place ends, ms
--       3 waiting   hash         user who waits → 'secret number', and when admitted if that was not claimed
--       4 admitted  sorted set   admitted user → when the place ends, ms
--       5 places    hash         admitted user → 'secret number admittedAt claimed' (claimed: 0 or 1)
--       6 counters  hash         last (number); highest (rank that was admitted); window, current, previous,
--                                since (admissions of the line); control (JSON, how it is steered); tickets,
--                                ticketsAt (of the limit per minute); claim (time to claim an admission, ms)
--       7 holder    string       'secret until': by which the user holds a seat, and until when, ms
-- ARGV  1 user  2 now in ms, or '' for the server's clock  3 how the calling instance knows it to be steered (JSON)
--
-- `pace.…` and `settings.…` are numbers when the text arrives here: redis-scripts.ts writes them into it.
--
-- Each call makes its functions, tables and strings anew. The more there are, the more memory the next calls clear. With
-- a long line that memory is in no cache, so a poll makes few of them.
--
-- Each script is allowed beyond maxmemory but the one that enrols: who has a place is served while Redis is full.
-- "Over" means a time <= now. A number is microseconds of the user's enrolment, or one more than the last.

local PRESENT, ENDS, WAITING, ADMITTED, PLACES, COUNTERS, HOLDER = unpack(KEYS)
local user = ARGV[1]

local now = tonumber(ARGV[2])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A number as a part of a text. As an argument of a command, a whole number needs no text.
local function whole(number)
  return string.format('%.0f', number)
end

-- What happened to places: kind, user, number and when, one after another. Each reply ends with it.
local notes = {}
local function note(kind, who, number, at)
  for _, part in ipairs({ kind, who, number, at or now }) do notes[#notes + 1] = part end
end

local counted = redis.call('HMGET', COUNTERS, 'control', 'ready')

-- A queue that keeps its moves in the log and has lost them is rebuilt from there first.
if settings.isKept and not settings.isRestoring and not counted[2] then
  return { 'empty', notes }
end

local function waiting_of(who)
  local kept = redis.call('HGET', WAITING, who)
  if not kept then return nil end
  local secret, number, since = string.match(kept, '^(%S+) (%S+) ?(%S*)$')
  return { secret = secret, number = tonumber(number), admitted_at = tonumber(since) }
end

local function place_of(who)
  local kept = redis.call('HGET', PLACES, who)
  if not kept then return nil end
  local secret, number, since, claimed = string.match(kept, '^(%S+) (%S+) (%S+) (%S+)$')
  return {
    secret = secret, number = tonumber(number), admitted_at = tonumber(since), claimed = claimed == '1',
  }
end

local function keep_place(who, place, ends)
  local claimed = place.claimed and '1' or '0'
  redis.call('HSET', PLACES, who,
    place.secret .. ' ' .. whole(place.number) .. ' ' .. whole(place.admitted_at) .. ' ' .. claimed)
  redis.call('ZADD', ADMITTED, ends, who)
  return ends
end

-- A key may be lost or deleted. Who lacks a part of a place has none, and enrols again.
if redis.call('EXISTS', ENDS, WAITING, ADMITTED, PLACES) < 4 then
  if redis.call('EXISTS', ENDS, WAITING) == 1 then redis.call('UNLINK', ENDS, WAITING, PRESENT) end
  if redis.call('EXISTS', ADMITTED, PLACES) == 1 then redis.call('UNLINK', ADMITTED, PLACES) end
end

-- The newest step counts for all instances, whichever has heard of it first. Lost counters clear no line.
local control = cjson.decode(ARGV[3])
local kept_control = counted[1]
if kept_control ~= ARGV[3] then
  local known = kept_control and cjson.decode(kept_control)
  if known and known.revision > control.revision then
    control = known
  elseif not known or known.revision < control.revision then
    redis.call('HSET', COUNTERS, 'control', ARGV[3])
    if known and known.clearedRevision < control.clearedRevision then
      redis.call('UNLINK', PRESENT, ENDS, WAITING)
      note('cleared', '', 0)
    end
  end
end

-- Places by lot, as lot.ts has them; false when nobody has.
local lot = control.lot

-- By what a place stands in the line; nil while the lot is not drawn.
local function rank_of(who, number)
  if not lot or number < lot.fromNumber or number >= lot.untilNumber then return number end
  if lot.seed == '' then return nil end
  local part = tonumber(string.sub(redis.sha1hex(lot.seed .. ' ' .. who), 1, 13), 16) / 4503599627370496
  return lot.fromNumber + math.floor(part * (lot.untilNumber - lot.fromNumber))
end

-- Nobody is admitted before the sale opens, and before the lot is drawn.
local function is_closed()
  return lot and now * 1000 >= lot.fromNumber and (lot.seed == '' or now < lot.opensAtMs)
end

local function is_untold(number)
  return lot and number >= lot.fromNumber and (lot.seed == '' or now < lot.toldAtMs)
end

-- Of who is away: since when, if others passed by, and how it ends now: 'back' or 'left'.
local function note_absence(who, number, ends, how)
  local rank = rank_of(who, number)
  local is_passed = rank and rank < (tonumber(redis.call('HGET', COUNTERS, 'highest')) or 0)
  if is_passed then note('away', who, number, ends - settings.waitingMs) end
  if is_passed or how == 'left' then note(how, who, number) end
end

local function forget_waiting(who)
  redis.call('ZREM', PRESENT, who)
  redis.call('ZREM', ENDS, who)
  redis.call('HDEL', WAITING, who)
end

-- Brings waiting places whose time is over to what they are now: who was there is away, and who was away has left.
--   over    user, ends, user, ends and so on, at most 2 × endsMax: one call of each command for all of them
local function end_waits(over)
  local users = {}
  for at = 1, #over, 2 do users[#users + 1] = over[at] end
  if #users == 0 then return end
  local were_there = redis.call('ZMSCORE', PRESENT, unpack(users))
  local away, later, left = {}, {}, {}
  for at, who in ipairs(users) do
    local ends = tonumber(over[2 * at])
    if were_there[at] then
      away[#away + 1] = who
      ends = ends + settings.waitingMs
    end
    if ends > now then
      later[#later + 1] = ends
      later[#later + 1] = who
    else
      local own = waiting_of(who)
      if own then note_absence(who, own.number, ends, 'left') end
      left[#left + 1] = who
    end
  end
  if #away > 0 then redis.call('ZREM', PRESENT, unpack(away)) end
  if #later > 0 then redis.call('ZADD', ENDS, unpack(later)) end
  if #left > 0 then
    redis.call('ZREM', ENDS, unpack(left))
    redis.call('HDEL', WAITING, unpack(left))
  end
end

-- Brings a place whose time is over to what it is now. An admission that was not claimed is a waiting place again.
-- Returns whether the place is an admitted one.
local function settle(who)
  local over = tonumber(redis.call('ZSCORE', ADMITTED, who) or 'inf')
  if over > now and over < math.huge then return true end
  if over <= now then
    local place = place_of(who)
    redis.call('ZREM', ADMITTED, who)
    redis.call('HDEL', PLACES, who)
    if place then note(place.claimed and 'ended' or 'unclaimed', who, place.number) end
    if place and not place.claimed then
      redis.call('HSET', WAITING, who,
        place.secret .. ' ' .. whole(place.number) .. ' ' .. whole(place.admitted_at))
      redis.call('ZADD', ENDS, over + settings.waitingMs, who)
    end
  end
  local ends = redis.call('ZSCORE', ENDS, who)
  if ends and tonumber(ends) <= now then end_waits({ who, ends }) end
  return false
end

-- The places whose time is over, at most endsMax of each kind.
local function those_over(key, ...)
  return redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, pace.endsMax, ...)
end

local function end_those_over()
  for _, who in ipairs(those_over(ADMITTED)) do settle(who) end
  end_waits(those_over(ENDS, 'WITHSCORES'))
end

-- The full time of a place, from now on.
local function full_time(place)
  return math.min(now + settings.admittedMs, place.admitted_at + settings.placeMaxMs)
end

-- The time to claim an admission: as users need it.
local function claim_ms()
  return math.min(settings.claimMs, tonumber(redis.call('HGET', COUNTERS, 'claim')) or settings.claimMs)
end

-- A user came to claim an admission, in time or too late: as claimMsAfter in pace.ts.
local function came(admitted_at)
  local ms = claim_ms()
  ms = now - admitted_at > ms / 2 and ms + pace.claimUpMs or ms - pace.claimDownMs
  ms = math.min(settings.claimMs, math.max(pace.claimMinMs, ms))
  redis.call('HSET', COUNTERS, 'claim', ms)
end

local function claim(who, place)
  if place.claimed then return tonumber(redis.call('ZSCORE', ADMITTED, who)) end
  came(place.admitted_at)
  place.claimed = true
  return keep_place(who, place, full_time(place))
end

-- The user's admitted place as it is now; nil without one.
local function own_place(who)
  return settle(who) and place_of(who)
end

-- The counters of admissions from the line, as they are at a moment: as admissionsPerSecond in pace.ts has them.
local function admissions_per_second()
  local kept = redis.call('HMGET', COUNTERS, 'window', 'current', 'previous', 'since')
  local window = math.floor(now / pace.rateWindowMs)
  local last = tonumber(kept[1])
  local count = 0
  if window == last then
    count = tonumber(kept[2]) + tonumber(kept[3])
  elseif last and window == last + 1 then
    count = tonumber(kept[2])
  end
  local begin = math.max(tonumber(kept[4]) or 0, lot and lot.opensAtMs <= now and lot.opensAtMs or 0, (window - 1) * pace.rateWindowMs)
  return count * 1000 / math.max(1000, now - begin)
end

local function count_admission()
  local window = math.floor(now / pace.rateWindowMs)
  local last = tonumber(redis.call('HGET', COUNTERS, 'window'))
  if window == last then
    redis.call('HINCRBY', COUNTERS, 'current', 1)
  else
    local before = window - 1 == last and redis.call('HGET', COUNTERS, 'current') or 0
    redis.call('HSET', COUNTERS, 'window', window, 'current', 1, 'previous', before)
  end
end

-- Admissions that the limit per minute has left: as ticketsAt in pace.ts has them. 0 per minute: no limit.
local function tickets()
  local kept = redis.call('HMGET', COUNTERS, 'tickets', 'ticketsAt')
  local kept_max = math.max(1, control.perMinute / 60)
  local more = math.max(0, now - (tonumber(kept[2]) or 0)) * control.perMinute / 60000
  return math.min(kept_max, (tonumber(kept[1]) or kept_max) + more)
end

-- How many may be admitted now.
local function free()
  if control.paused or is_closed() then return 0 end
  local places = control.admittedMax - redis.call('ZCARD', ADMITTED)
  if control.perMinute == 0 then return places end
  return math.min(places, math.floor(tickets()))
end

-- In how many ms the nth next may be admitted; 0 or less: now; math.huge: nobody knows. As freeInMs of
-- in-process-steering.ts.
local function free_in(nth)
  if control.paused then return math.huge end
  local at = now
  local behind = nth - (control.admittedMax - redis.call('ZCARD', ADMITTED))
  if behind > 0 then
    at = tonumber(redis.call('ZRANGE', ADMITTED, behind - 1, behind - 1, 'WITHSCORES')[2] or 'inf')
  end
  if control.perMinute > 0 then at = math.max(at, now + (nth - tickets()) * 60000 / control.perMinute) end
  if is_closed() then at = math.max(at, lot.opensAtMs) end
  return at - now
end

-- As pauseByPosition in pace.ts, with its jitter.
local function pause_by_position(position, rate, is_near, chance)
  local is_short = settings.noticeMs < pace.noticeMsMax
  local base
  if is_short and position <= math.max(pace.nextMin, math.min(pace.nextMax, control.admittedMax), 2 * rate) then
    base = pace.soonPauseMs
  else
    local near = math.max(pace.nearMin, 2 * rate)
    base = math.max(pace.pauseMinMs, math.min(settings.pauseMaxMs, position / near * 1000))
    if is_near and not is_short then base = math.min(base, pace.invitedPauseMs) end
  end
  return math.floor(base * (1 + pace.jitter * math.sqrt(chance)))
end

-- When to ask again, and how late one may do so and is still there: as pauseOf in pace.ts.
local function pause_of(position, rate, chance)
  local invited_for = math.max(1, math.ceil(position * (1 - pace.goneShare)) - pace.reserveMin)
  local is_near = invited_for <= math.min(2 * control.admittedMax, pace.soonPlacesMax)
  local pause = pause_by_position(position, rate, is_near, chance)
  if is_near then
    local invited_ms = free_in(invited_for)
    local in_reserve_ms = invited_ms > 0 and invited_ms + pace.reserveMs or 0
    local free_ms = math.max(pace.soonPauseMs, math.min(free_in(position), in_reserve_ms))
    local soon = math.floor(free_ms + pace.soonSpreadMs * chance)
    if soon < pause then return soon, math.min(pace.soonLateMax, soon) end
  end
  return pause, math.min(pace.lateMax, pause)
end

-- Lets a user wait, and tells where the user stands.
--   ahead   nil: the place is not in the line yet
--   chance  from 0 to 1, of the pause
-- Reply {'waiting', secret, expiresAt, ahead or -1 when nobody knows, retryAfterMs, admissions per second,
--        1 when paused, when the sale opens or 0 when it is open, notes}
local function wait(own, ahead, chance)
  local rate = admissions_per_second()
  local told = is_untold(own.number) and -1 or ahead or -1
  local pause, late
  if told < 0 then
    pause = math.floor(math.min(pace.lotPauseMs, settings.pauseMaxMs) * (1 + pace.jitter * math.sqrt(chance)))
    late = math.min(pace.lateMax, pause)
  else
    pause, late = pause_of(told + 1, rate, chance)
  end
  local due = now + pause + late
  -- Who is not in the line is away by the next poll already.
  redis.call('ZADD', ENDS, ahead and due or due + settings.waitingMs, user)
  local opens_at = is_closed() and lot.opensAtMs or 0
  return { 'waiting', own.secret, due + settings.waitingMs, told, pause, tostring(rate), control.paused and 1 or 0, opens_at, notes }
end

-- Admits a waiting user when there is room for all who are there in front and for this one, else lets the user wait.
-- Reply {'admitted', secret, expiresAt, notes} or as wait
local function admit_or_wait(own, is_new, chance)
  local rank = rank_of(user, own.number)
  if not rank then
    redis.call('ZREM', PRESENT, user)
    return wait(own, nil, chance)
  end
  if redis.call('ZADD', PRESENT, rank, user) == 1 and not is_new then
    note_absence(user, own.number, tonumber(redis.call('ZSCORE', ENDS, user)), 'back')
  end
  if own.admitted_at then
    came(own.admitted_at)
    redis.call('HSET', WAITING, user, own.secret .. ' ' .. whole(own.number))
  end
  local ahead = redis.call('ZRANK', PRESENT, user)
  if ahead >= free() then return wait(own, ahead, chance) end
  forget_waiting(user)
  own.admitted_at = now
  own.claimed = false
  local ends = keep_place(user, own, now + claim_ms())
  note('admitted', user, own.number)
  if rank > (tonumber(redis.call('HGET', COUNTERS, 'highest')) or 0) then
    redis.call('HSET', COUNTERS, 'highest', rank)
  end
  if control.perMinute > 0 then
    redis.call('HSET', COUNTERS, 'tickets', tostring(tickets() - 1), 'ticketsAt', now)
  end
  -- Who did not have to wait says nothing about those who do.
  if not is_new then count_admission() end
  return { 'admitted', own.secret, ends, notes }
end
