-- A function that draws keys, `key-0000012345`, uniformly or zipfian with exponent 0.99 (Gray et al., "Quickly generating
-- billion-record synthetic databases", 1994; the generator that YCSB uses). Frequent keys are spread over all of them.
return function(count, distribution)
  local function name(index) return string.format("key-%010d", index) end
  if distribution == "uniform" then
    return function() return name(math.random(count) - 1) end
  end
  local theta = 0.99
  local zeta = 0
  for i = 1, count do zeta = zeta + 1 / i ^ theta end
  local alpha = 1 / (1 - theta)
  local eta = (1 - (2 / count) ^ (1 - theta)) / (1 - (1 + 0.5 ^ theta) / zeta)
  return function()
    local u = math.random()
    local rank
    if u * zeta < 1 then rank = 0
    elseif u * zeta < 1 + 0.5 ^ theta then rank = 1
    else rank = math.min(count - 1, math.floor(count * (eta * u - eta + 1) ^ alpha)) end
    return name(rank * 7919 % count)
  end
end
