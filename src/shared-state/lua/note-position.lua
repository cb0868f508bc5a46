-- Notes the log position of a user's last command. The larger of two positions stays.
--
-- KEYS[1] the user's position
-- KEYS[2] exists while positions may be missing, because they could not be noted
-- ARGV[1] position, decimal without leading zeros. It is too large for Lua's numbers, so it is
--         compared as text
-- ARGV[2] milliseconds for which positions are kept
-- ARGV[3] '1' if the caller could not note an earlier position
-- Reply   1

local position = ARGV[1]
local known = redis.call('GET', KEYS[1])
if known and (#known > #position or (#known == #position and known > position)) then
  position = known
end
redis.call('SET', KEYS[1], position, 'PX', ARGV[2])
if ARGV[3] == '1' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[2]) end
return 1
