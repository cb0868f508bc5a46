-- One poll of a user who has a place, atomic, also while Redis is full: end what is over, claim or admit, tell.
--
-- ARGV  4 chance, from 0 to 1, of the pause
-- Reply {'unknown', notes} for a user without a place;
--       else as admit_or_wait. O(log n) a place, for at most 2 × endsMax places.

end_those_over()
local place = own_place(user)
if place then return { 'admitted', place.secret, claim(user, place), notes } end
local own = waiting_of(user)
if not own then return { 'unknown', notes } end
return admit_or_wait(own, false, tonumber(ARGV[4]))
