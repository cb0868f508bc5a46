-- One atomic poll of a user who has a place, also while Redis is full. It ends places that are
-- over, claims the user's place or admits the user, and returns the place.
--
-- ARGV  4 chance, from 0 to 1, for the pause
-- Reply {'unknown', notes} for a user without a place; otherwise that of admit_or_wait. O(log n)
--       per place, for at most 2 × endsMax places.

end_those_over()
local place = own_place(user)
if place then return { 'admitted', place.secret, claim(user, place), notes } end
local own = waiting_of(user)
if not own then return { 'unknown', notes } end
return admit_or_wait(own, false, tonumber(ARGV[4]))
