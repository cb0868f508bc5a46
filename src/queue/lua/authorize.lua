-- May the bearer of a token act for a user now? If so, claims the admitted place of the user.
--
-- ARGV  1 the user in the token  4 the user for whom the bearer acts  5 secret of the token
-- Reply {state, notes}: 'admitted' | 'waiting' | 'holding' | 'not-yours' | 'unknown'. O(log n).
--
-- Lua keeps one copy of equal strings, and compares their addresses. So the duration of a
-- comparison does not show where two secrets differ.

local place = own_place(user)
local own = place or waiting_of(user)
local is_own = own and own.secret == ARGV[5]
if not is_own then
  local secret, ends = string.match(redis.call('GET', HOLDER) or '', '^(%S+) (%S+)$')
  if secret ~= ARGV[5] or tonumber(ends) <= now then return { 'unknown', notes } end
end
if user ~= ARGV[4] then return { 'not-yours', notes } end
if not is_own then return { 'holding', notes } end
if not place then return { 'waiting', notes } end
claim(user, place)
return { 'admitted', notes }
