import { type Generation, generate } from './generator.ts'

/** Takes a Generation as JSON. Prints each window, then the whole with its own share of a core, as lines of JSON. */
const generation: Generation = JSON.parse(process.argv[2] ?? '')
const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const before = process.cpuUsage()
const since = performance.now()
const whole = await generate(generation, (window) => print({ window }))
const { user, system } = process.cpuUsage(before)
print({ whole, generatorShare: (user + system) / 1000 / (performance.now() - since) })
process.exit()
