-- Leaves an admitted place for a short time only; never lengthens it, never revives one that is over.
--
-- Reply {1 when the user is admitted, else 0, notes}. O(log n).

local place = own_place(user)
if not place then return { 0, notes } end
place.claimed = true
local ends = tonumber(redis.call('ZSCORE', ADMITTED, user))
keep_place(user, place, math.min(ends, now + settings.afterPaymentMs))
return { 1, notes }
