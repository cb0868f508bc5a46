-- A claim came to nothing; other claims on its seats stay.
--
-- KEYS  1 the holder's claims   (as in take-seats.lua)
-- ARGV  1 claim  2… its seats
-- Reply how many of its seats counted until now. O(log n) a seat.

local removed = 0
for n = 2, #ARGV do
  removed = removed + redis.call('ZREM', KEYS[1], ARGV[n] .. ' ' .. ARGV[1])
end
return removed
