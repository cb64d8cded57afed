-- Base64 (RFC 4648, section 4) of a string.
local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function letter(index) return letters:sub(index + 1, index + 1) end

return function(text)
  local list = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    list[#list + 1] = letter(math.floor(n / 262144)) .. letter(math.floor(n / 4096) % 64)
      .. (b and letter(math.floor(n / 64) % 64) or "=") .. (c and letter(n % 64) or "=")
  end
  return table.concat(list)
end
