-- One atomic poll. It does the same as poll.lua, and enrols a user without a place at the back of
-- the line. If Redis is full, Redis itself refuses this script, even for users who have a place.
--
-- ARGV  4 chance, from 0 to 1, for the pause  5 secret of a new place
-- Reply {'full', notes} if `waitingMax` users wait; {'draining', notes} if no new user can enrol;
--       otherwise that of admit_or_wait. O(log n) per place, for at most 2 × endsMax places.

end_those_over()
local place = own_place(user)
if place then return { 'admitted', place.secret, claim(user, place), notes } end
local own = waiting_of(user)
local is_new = own == nil
if is_new then
  if control.draining then return { 'draining', notes } end
  -- With room for this user and all present users, nobody has to wait. Absent users do not count.
  local is_full = redis.call('HLEN', WAITING) >= settings.waitingMax
  if is_full and redis.call('ZCARD', PRESENT) >= free() then return { 'full', notes } end
  if redis.call('ZCARD', PRESENT) == 0 then redis.call('HSET', COUNTERS, 'since', now) end
  local last = tonumber(redis.call('HGET', COUNTERS, 'last')) or 0
  own = { secret = ARGV[5], number = math.max(last + 1, now * 1000) }
  redis.call('HSET', COUNTERS, 'last', own.number)
  redis.call('HSET', WAITING, user, own.secret .. ' ' .. whole(own.number))
  note('enrolled', user, own.number)
end
return admit_or_wait(own, is_new, tonumber(ARGV[4]))
