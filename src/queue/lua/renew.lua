-- Gives an admitted place its full time again: its user holds a seat now.
--
-- ARGV  4 how long the seat is held, ms
-- Reply {1 when the user is admitted, else 0, notes}. O(log n).

local place = own_place(user)
if not place then return { 0, notes } end
place.claimed = true
keep_place(user, place, full_time(place))
redis.call('SET', HOLDER, place.secret .. ' ' .. whole(now + ARGV[4]), 'PX', whole(ARGV[4] + 60000))
return { 1, notes }
