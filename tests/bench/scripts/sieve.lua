local limit = 2000000
local composite = {}
for i = 0, limit do composite[i] = false end
local count, i = 0, 2
while i <= limit do
    if not composite[i] then
        count = count + 1
        local j = i * i
        while j <= limit do
            composite[j] = true
            j = j + i
        end
    end
    i = i + 1
end
print(count)
