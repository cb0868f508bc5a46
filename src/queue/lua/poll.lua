-- One poll of the waiting queue, atomic: end what is over, admit from the front, enrol, renew, tell.
--
-- KEYS  1 waiting   sorted set   user → enrolment number (the order of the line)
--       2 seen      sorted set   waiting user → when the place ends, ms
--       3 admitted  sorted set   admitted user → when the place ends, ms
--       4 used      hash         admitted user → when admitted or authorized last, ms
--       5 tokens    hash         user → token .. digest (32 and 43 characters)
--       6 owners    hash         digest of a token → user
--       7 counters  hash         enrolled; window, current, previous (admissions by window of time)
-- ARGV  1 user  2 token for a new place  3 its digest  4 now in ms, or '' for the server's clock
--       5 admittedMax  6 waitingMax  7 admittedMs  8 waitingMs
--       9 endsMax: places ended of each kind, and fronts looked at, in one poll  10 windowMs
--       11 polledMs
-- Reply {'full'} or
--       {'admitted' | 'waiting', token, ahead, expiresAt, now, window, current, previous}
--
-- Work is O(log n) a place, for at most 4 × endsMax places. "Over" means expiresAt <= now.

local WAITING, SEEN, ADMITTED, USED = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local TOKENS, OWNERS, COUNTERS = KEYS[5], KEYS[6], KEYS[7]
local user = ARGV[1]
local admitted_max, waiting_max = tonumber(ARGV[5]), tonumber(ARGV[6])
local admitted_ms, waiting_ms = tonumber(ARGV[7]), tonumber(ARGV[8])
local ends_max, window_ms, polled_ms = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])

local now = tonumber(ARGV[4])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function forget(who)
  redis.call('ZREM', WAITING, who)
  redis.call('ZREM', SEEN, who)
  redis.call('ZREM', ADMITTED, who)
  redis.call('HDEL', USED, who)
  local kept = redis.call('HGET', TOKENS, who)
  if kept then
    redis.call('HDEL', OWNERS, string.sub(kept, 33))
    redis.call('HDEL', TOKENS, who)
  end
end

local function live(key, who)
  local ends = redis.call('ZSCORE', key, who)
  return ends and tonumber(ends) > now
end

local function end_those_over(key)
  for _, who in ipairs(redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, ends_max)) do
    forget(who)
  end
end

-- A user who is admitted while away keeps the end of the waiting place until the first call: a buyer
-- who closed the page does not keep a place for the full time.
local function admit_from_the_front()
  local room = admitted_max - redis.call('ZCARD', ADMITTED)
  local count = 0
  for _ = 1, ends_max do
    if room <= count then break end
    local who = redis.call('ZRANGE', WAITING, 0, 0)[1]
    if not who then break end
    local ends = redis.call('ZSCORE', SEEN, who)
    if ends and tonumber(ends) > now then
      redis.call('ZREM', WAITING, who)
      redis.call('ZREM', SEEN, who)
      redis.call('ZADD', ADMITTED, ends, who)
      redis.call('HSET', USED, who, now)
      count = count + 1
    else
      forget(who)
    end
  end
  if count == 0 then return end
  local window = math.floor(now / window_ms)
  local last = tonumber(redis.call('HGET', COUNTERS, 'window'))
  if window == last then
    redis.call('HINCRBY', COUNTERS, 'current', count)
  else
    local current = window - 1 == last and redis.call('HGET', COUNTERS, 'current') or 0
    redis.call('HSET', COUNTERS, 'window', window, 'current', count, 'previous', current)
  end
end

end_those_over(ADMITTED)
end_those_over(SEEN)

local has_place = redis.call('HEXISTS', TOKENS, user) == 1
  and (live(ADMITTED, user) or live(SEEN, user))
if has_place then
  -- Renewed before admitting: who polls is not away.
  redis.call('ZADD', SEEN, 'XX', now + waiting_ms, user)
  admit_from_the_front()
else
  forget(user)
  admit_from_the_front()
  if redis.call('ZCARD', WAITING) >= waiting_max then return { 'full' } end
  redis.call('ZADD', WAITING, redis.call('HINCRBY', COUNTERS, 'enrolled', 1), user)
  redis.call('ZADD', SEEN, now + waiting_ms, user)
  redis.call('HSET', TOKENS, user, ARGV[2] .. ARGV[3])
  redis.call('HSET', OWNERS, ARGV[3], user)
  admit_from_the_front()
end

local token = string.sub(redis.call('HGET', TOKENS, user), 1, 32)
if redis.call('ZSCORE', ADMITTED, user) then
  -- However often it is polled: a forgotten page keeps no place.
  local ends = math.min(now + admitted_ms, (redis.call('HGET', USED, user) or now) + polled_ms)
  redis.call('ZADD', ADMITTED, ends, user)
  return { 'admitted', token, 0, ends, now, 0, 0, 0 }
end
local rate = redis.call('HMGET', COUNTERS, 'window', 'current', 'previous')
return {
  'waiting', token, redis.call('ZRANK', WAITING, user), now + waiting_ms, now,
  tonumber(rate[1]) or 0, tonumber(rate[2]) or 0, tonumber(rate[3]) or 0,
}
