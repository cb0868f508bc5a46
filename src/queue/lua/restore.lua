-- Restores the users who have a place by the log, but no place here. Waiting users are absent.
-- Admitted users must claim again. The last call marks the queue as complete.
--
-- ARGV  4 JSON list of [user, secret, number, admittedAt or 0]  5 '1' for the last call

for _, known in ipairs(cjson.decode(ARGV[4])) do
  local who, secret, number, admitted_at = known[1], known[2], known[3], known[4]
  local is_here = redis.call('HEXISTS', WAITING, who) == 1 or redis.call('HEXISTS', PLACES, who) == 1
  if not is_here then
    local last = tonumber(redis.call('HGET', COUNTERS, 'last')) or 0
    if number > last then redis.call('HSET', COUNTERS, 'last', number) end
    if admitted_at > 0 then
      local place = { secret = secret, number = number, admitted_at = admitted_at, claimed = false }
      keep_place(who, place, now + settings.claimMs)
    else
      redis.call('HSET', WAITING, who, secret .. ' ' .. whole(number))
      redis.call('ZADD', ENDS, now + settings.waitingMs, who)
    end
  end
end
if ARGV[5] == '1' then redis.call('HSET', COUNTERS, 'ready', 1) end
return { 'restored', notes }
