-- Removes a claim whose command got no seat. Other claims on its seats stay.
--
-- KEYS  1 the user's claims   (see take-seats.lua)
-- ARGV  1 claim  2 session  3… its seats
-- Reply the number of its seats that counted until now. O(n) for the n entries of this user, at
--       most claimsMax.

local seats = {}
for n = 3, #ARGV do seats[ARGV[n]] = true end
local removed = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local at, seat, by = string.match(member, '^(%S+) (%S+) (%S+)')
  if by == ARGV[1] and at == ARGV[2] and seats[seat] then
    removed = removed + redis.call('ZREM', KEYS[1], member)
  end
end
return removed
