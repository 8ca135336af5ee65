local function compose(f, g) return function(x) return g(f(x)) end end
local k = 3
local f = compose(function(x) return x + k end, function(x) return x & 0xffff end)
local acc = 0
for _ = 1, 2000000 do acc = f(acc) end
print(acc)
