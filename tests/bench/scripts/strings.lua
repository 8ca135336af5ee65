local parts = {}
for i = 0, 299999 do parts[#parts + 1] = "word" .. (i % 1000) .. " " end
local text = table.concat(parts)
local counts, n = {}, 0
for word in text:gmatch("[^ ]+") do
    n = n + 1
    counts[word] = (counts[word] or 0) + 1
end
print(#text, n, counts["word7"])
