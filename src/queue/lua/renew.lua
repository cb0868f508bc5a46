-- Gives an admitted place its full time again, because its user now holds a seat.
--
-- ARGV  4 the hold time of the seat, ms
-- Reply {1 if the user is admitted, otherwise 0, notes}. O(log n).

local place = own_place(user)
if not place then return { 0, notes } end
place.claimed = true
keep_place(user, place, full_time(place))
redis.call('SET', HOLDER, place.secret .. ' ' .. whole(now + ARGV[4]), 'PX', whole(ARGV[4] + 60000))
return { 1, notes }
