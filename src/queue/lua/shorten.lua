-- Leaves an admitted place for a short time only; never lengthens it, never revives one that is over.
--
-- KEYS  1 admitted   (as in poll.lua)
-- ARGV  1 user  2 now in ms, or '' for the server's clock  3 afterPaymentMs
-- Reply 1 when the user is admitted, 0 when not. O(log n).

local now = tonumber(ARGV[2])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('ZADD', KEYS[1], 'LT', now + tonumber(ARGV[3]), ARGV[1])
return 1
