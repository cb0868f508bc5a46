-- A reservation holds its seats no longer: the claims on them with the end that it had are removed, those with another
-- end stay.
--
-- KEYS  1 the holder's claims   (as in take-seats.lua)
-- ARGV  1 when the reservation was to end, ms  2… its seats
-- Reply how many claims were removed. O(log n + m) for the m claims with this end.

local over = {}
for n = 2, #ARGV do over[ARGV[n]] = true end
local removed = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[1], 'BYSCORE')) do
  if over[string.match(member, '^[^ ]+')] then
    removed = removed + redis.call('ZREM', KEYS[1], member)
  end
end
return removed
