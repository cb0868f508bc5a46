-- Lets an admitted place end soon. It never makes the time longer, and does not change a place that
-- is over.
--
-- Reply {1 if the user is admitted, otherwise 0, notes}. O(log n).

local place = own_place(user)
if not place then return { 0, notes } end
place.claimed = true
local ends = tonumber(redis.call('ZSCORE', ADMITTED, user))
keep_place(user, place, math.min(ends, now + settings.afterPaymentMs))
return { 1, notes }
