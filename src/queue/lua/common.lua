-- The common part of the scripts of the waiting queue. It is put before each of them.
--
-- KEYS  1 present   sorted set   present waiting user → rank, the order of the line: the number, or
--                                the rank by lot
--       2 ends      sorted set   waiting user → ms. For a present user, the time when the next poll
--                                is overdue. For an absent user, the end of the place
--       3 waiting   hash         waiting user → 'secret number'. If the user did not claim an
--                                admission, also its time
--       4 admitted  sorted set   admitted user → the end of the place, ms
--       5 places    hash         admitted user → 'secret number admittedAt claimed' (0 or 1)
--       6 counters  hash         last: the last number. highest: the highest admitted rank.
--                                window, current, previous, since: admissions of the line.
--                                control: the steering, JSON. tickets, ticketsAt: the limit per
--                                minute. claim: the time to claim an admission, ms
--       7 holder    string       'secret until': the token that reserved a seat, and the end of the
--                                hold, ms
-- ARGV  1 user  2 now in ms, or '' for the server's clock  3 the steering that the calling instance
--       knows (JSON)
--
-- `pace.…` and `settings.…` are constants: redis-scripts.ts replaces them by numbers.
--
-- Each call makes its functions, tables and strings again. Later calls must collect this garbage.
-- With a long line, this memory is in no cache of the processor. So a poll makes few of them.
--
-- All scripts except the one that enrols may exceed maxmemory. So users who have a place are
-- served while Redis is full. "Over" means a time <= now. A number is the microsecond of the
-- user's enrolment, or the last number plus one.

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

-- The moves of places, one after another: kind, user, number and time. Each reply ends with them.
local notes = {}
local function note(kind, who, number, at)
  for _, part in ipairs({ kind, who, number, at or now }) do notes[#notes + 1] = part end
end

local counted = redis.call('HMGET', COUNTERS, 'control', 'ready')

-- If a queue with a journal has lost its data, it must first be rebuilt from the log.
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

-- A key may be lost or deleted. A user whose place is incomplete has no place, and enrols again.
if redis.call('EXISTS', ENDS, WAITING, ADMITTED, PLACES) < 4 then
  if redis.call('EXISTS', ENDS, WAITING) == 1 then redis.call('UNLINK', ENDS, WAITING, PRESENT) end
  if redis.call('EXISTS', ADMITTED, PLACES) == 1 then redis.call('UNLINK', ADMITTED, PLACES) end
end

-- The newest step counts for all instances, even if only one instance knows it. The loss of the
-- counters does not empty the line.
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

-- Places by lot, in the form of lot.ts; false if there is no lot.
local lot = control.lot

-- The rank of a place in the line; nil while the lot is not drawn.
local function rank_of(who, number)
  if not lot or number < lot.fromNumber or number >= lot.untilNumber then return number end
  if lot.seed == '' then return nil end
  local part = tonumber(string.sub(redis.sha1hex(lot.seed .. ' ' .. who), 1, 13), 16) / 4503599627370496
  return lot.fromNumber + math.floor(part * (lot.untilNumber - lot.fromNumber))
end

-- Nobody is admitted before the sale opens, or before the lot is drawn.
local function is_closed()
  return lot and now * 1000 >= lot.fromNumber and (lot.seed == '' or now < lot.opensAtMs)
end

local function is_untold(number)
  return lot and number >= lot.fromNumber and (lot.seed == '' or now < lot.toldAtMs)
end

-- Notes the absence of a user, if later users were admitted meanwhile. Notes how it ends: 'back' or
-- 'left'.
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

-- Updates waiting places whose time is over: a present user becomes absent, an absent user leaves.
--   over    user, ends, user, ends and so on, at most 2 × endsMax. One call of each command serves
--           all of them
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

-- Updates a place whose time is over. If an admission was not claimed, the user waits again.
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

-- The end of a place that gets its full time now.
local function full_time(place)
  return math.min(now + settings.admittedMs, place.admitted_at + settings.placeMaxMs)
end

-- The time to claim an admission. It follows the time that users need.
local function claim_ms()
  return math.min(settings.claimMs, tonumber(redis.call('HGET', COUNTERS, 'claim')) or settings.claimMs)
end

-- A user came to claim an admission, in time or too late. Equal to claimMsAfter in pace.ts.
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

-- The current admitted place of the user; nil if there is none.
local function own_place(who)
  return settle(who) and place_of(who)
end

-- The rate of admissions from the line. Equal to admissionsPerSecond in pace.ts.
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

-- The admissions that the limit per minute still allows. Equal to ticketsAt in pace.ts. 0 per
-- minute: no limit.
local function tickets()
  local kept = redis.call('HMGET', COUNTERS, 'tickets', 'ticketsAt')
  local kept_max = math.max(1, control.perMinute / 60)
  local more = math.max(0, now - (tonumber(kept[2]) or 0)) * control.perMinute / 60000
  return math.min(kept_max, (tonumber(kept[1]) or kept_max) + more)
end

-- The number of users that may be admitted now.
local function free()
  if control.paused or is_closed() then return 0 end
  local places = control.admittedMax - redis.call('ZCARD', ADMITTED)
  if control.perMinute == 0 then return places end
  return math.min(places, math.floor(tickets()))
end

-- The ms until the nth next user may be admitted. 0 or less: now. math.huge: it is unknown. Equal
-- to freeInMs of in-process-steering.ts.
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

-- Equal to pauseByPosition in pace.ts, with its jitter.
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

-- The pause until the next poll, and the delay after which a late user is absent. Equal to pauseOf
-- in pace.ts.
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

-- Lets a user wait, and returns the user's position.
--   ahead   nil: the place is not in the line yet
--   chance  from 0 to 1, for the pause
-- Reply {'waiting', secret, expiresAt, ahead or -1 if it is unknown, retryAfterMs, admissions per
--        second, 1 if paused, the time when the sale opens or 0 if it is open, notes}
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
  -- A user who is not in the line is already absent when the next poll is due.
  redis.call('ZADD', ENDS, ahead and due or due + settings.waitingMs, user)
  local opens_at = is_closed() and lot.opensAtMs or 0
  return { 'waiting', own.secret, due + settings.waitingMs, told, pause, tostring(rate), control.paused and 1 or 0, opens_at, notes }
end

-- Admits a waiting user if there is room for all present users in front and for this user.
-- Otherwise lets the user wait. Reply {'admitted', secret, expiresAt, notes}, or that of wait
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
  -- A user who did not have to wait says nothing about the waiting users.
  if not is_new then count_admission() end
  return { 'admitted', own.secret, ends, notes }
end
