local function build(depth)
    if depth == 0 then return {tag = "num", value = 2} end
    local m = depth % 3
    if m == 0 then return {tag = "neg", a = build(depth - 1)} end
    if m == 1 then return {tag = "add", a = build(depth - 1), b = build(depth - 1)} end
    return {tag = "mul", a = build(depth - 1), b = {tag = "num", value = 1}}
end
local function eval(e)
    local tag = e.tag
    if tag == "num" then return e.value end
    if tag == "add" then return eval(e.a) + eval(e.b) end
    if tag == "mul" then return eval(e.a) * eval(e.b) end
    return -eval(e.a)
end
local e, sum = build(12), 0
for _ = 1, 20000 do sum = sum + eval(e) end
print(sum)
