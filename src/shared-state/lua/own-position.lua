-- Where in the log a user's last command is.
--
-- KEYS[1] the user's position
-- KEYS[2] there while positions may be missing that could not be noted
-- KEYS[3] since when Redis has what was noted, in milliseconds: gone when it was emptied
-- ARGV[1] milliseconds for which positions are kept
-- ARGV[2] '1' when the caller could not note an earlier one
-- Reply   the position; 'none' when there is none; 'unknown' when one may be missing

if ARGV[2] == '1' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[1]) end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'unknown' end
local position = redis.call('GET', KEYS[1])
if position then return position end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = tonumber(redis.call('GET', KEYS[3]))
if not since then
  redis.call('SET', KEYS[3], string.format('%.0f', now))
  return 'unknown'
end
if now - since < tonumber(ARGV[1]) then return 'unknown' end
return 'none'
