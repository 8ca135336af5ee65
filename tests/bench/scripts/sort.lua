local seed = 42
local a, b = {}, {}
for i = 1, 200000 do
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    a[i] = seed
    b[i] = seed
end
table.sort(a)
table.sort(b, function(x, y) return x > y end)
print(a[1], a[100001], a[1] == b[200000])
