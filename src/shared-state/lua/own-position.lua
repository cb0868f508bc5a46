-- The log position of a user's last command.
--
-- KEYS[1] the user's position
-- KEYS[2] exists while positions may be missing, because they could not be noted
-- KEYS[3] the time since when Redis has all noted positions, in milliseconds. It does not exist
--         after Redis has lost its data
-- ARGV[1] milliseconds for which positions are kept
-- ARGV[2] '1' if the caller could not note an earlier position
-- Reply   the position; 'none' if there is none; 'unknown' if a position may be missing

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
