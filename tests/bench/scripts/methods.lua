local Counter = {}
Counter.__index = Counter
function Counter:bump() self.value = self.value + self.step end
function Counter:get() return self.value end
local c = setmetatable({value = 0, step = 1}, Counter)
local sum = 0
for _ = 1, 3000000 do
    c:bump()
    sum = sum + (c:get() & 1)
end
print(c:get(), sum)
