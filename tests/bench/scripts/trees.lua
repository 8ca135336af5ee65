local function make(depth)
    if depth == 0 then return {} end
    return {left = make(depth - 1), right = make(depth - 1)}
end
local function check(node)
    if not node.left then return 1 end
    return 1 + check(node.left) + check(node.right)
end
local long, total = make(14), 0
for _ = 1, 60 do total = total + check(make(12)) end
print(total, check(long))
