local n, sum = 0, 0
while n < 20000000 do
    if sum > 1000 then sum = sum - 1000 end
    sum = sum + (n & 7)
    n = n + 1
end
print(sum)
