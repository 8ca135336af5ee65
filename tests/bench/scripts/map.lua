local map, count = {}, 0
for i = 0, 499999 do
    local k = i * 7919 % 1000003
    if map[k] == nil then count = count + 1 end
    map[k] = i
end
local sum = 0
for i = 0, 1000002 do
    local v = map[i]
    if v then sum = sum + v end
end
print(count, sum)
