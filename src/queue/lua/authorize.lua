-- May the bearer of a token act for a user now? Renews the user's admitted place when so.
--
-- KEYS  1 seen  2 admitted  3 used  4 tokens  5 owners   (as in poll.lua)
-- ARGV  1 user  2 digest of the token  3 now in ms, or '' for the server's clock  4 admittedMs
--       5 polledMs
-- Reply 'admitted' | 'waiting' | 'not-yours' | 'unknown'
--
-- Digests are compared, not tokens: what the time of a comparison tells of a digest tells nothing of
-- the token. A place that is over counts as gone; the next poll removes it. O(log n).

local SEEN, ADMITTED, USED, TOKENS, OWNERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user, digest = ARGV[1], ARGV[2]

local now = tonumber(ARGV[3])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function live(key, who)
  local ends = redis.call('ZSCORE', key, who)
  return ends and tonumber(ends) > now
end

local owner = redis.call('HGET', OWNERS, digest)
local kept = owner and redis.call('HGET', TOKENS, owner)
if not kept or string.sub(kept, 33) ~= digest then return 'unknown' end
if live(ADMITTED, owner) then
  if owner ~= user then return 'not-yours' end
  redis.call('HSET', USED, user, now)
  redis.call('ZADD', ADMITTED, now + math.min(tonumber(ARGV[4]), tonumber(ARGV[5])), user)
  return 'admitted'
end
if not live(SEEN, owner) then return 'unknown' end
return owner == user and 'waiting' or 'not-yours'
