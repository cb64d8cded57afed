import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { hasSlot, rangesInText } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeSeededRandom } from '../../lab/seeded-random.ts'
import type { Api } from '../servers/server.ts'
import { keyFor, valueFor } from './entries.ts'
import { requestsOf } from './http.ts'

export interface Draw {
  readonly api: Api
  /** Percentages of GETs and of DELETEs; the rest are PUTs. */
  readonly gets: number
  readonly deletes: number
  readonly keys: number
  readonly distribution: 'uniform' | 'zipfian' | 'sequential'
  /** Sizes of values; between two, small ones are as frequent as large ones on a logarithmic scale. */
  readonly bytes: readonly [least: number, most: number]
  readonly seed: number
  /** Only keys of these slots of a ring are drawn, as `0-2999,8001-9999`; all by default. */
  readonly slots?: string
}

/** Makes a function that draws the next request, as text. */
export function makeDraw({
  api,
  gets,
  deletes,
  keys,
  distribution,
  bytes,
  seed,
  slots = '0-9999',
}: Draw): () => string {
  const requests = requestsOf[api]
  const random = makeSeededRandom(seed, 'requests')
  const [least, most] = bytes
  const drawSize = least === most ? () => least : () => Math.round(least * (most / least) ** random.next())
  // Only the one that is asked for: the sum of the zipfian one goes over all keys.
  const drawKey = {
    uniform: () => () => Math.floor(random.next() * keys),
    zipfian: () => zipfian(keys, () => random.next()),
    sequential: () => sequence(keys),
  }[distribution]()
  const ranges = rangesInText(slots) ?? []
  if (ranges.length === 0) throw new Error(`there are no slots ${slots}`)
  const isIn = (key: string) => slots === '0-9999' || hasSlot(ranges, slotOf(key))
  let count = 0
  return () => {
    let key = keyFor(drawKey())
    while (!isIn(key)) key = keyFor(drawKey())
    const kind = gets + deletes === 0 ? 100 : random.next() * 100
    if (kind < gets) return requests.get(key)
    if (kind < gets + deletes) return requests.delete(key)
    return requests.put(key, valueFor(count++, drawSize()))
  }
}

function sequence(keys: number): () => number {
  let next = 0
  return () => next++ % keys
}

/** As in keys.lua: exponent 0.99, the frequent ones spread over all. */
function zipfian(count: number, random: () => number): () => number {
  const theta = 0.99
  let zeta = 0
  for (let rank = 1; rank <= count; rank++) zeta += 1 / rank ** theta
  const eta = (1 - (2 / count) ** (1 - theta)) / (1 - (1 + 0.5 ** theta) / zeta)
  return () => {
    const u = random()
    const rank =
      u * zeta < 1 ? 0 : u * zeta < 1 + 0.5 ** theta ? 1 : Math.floor(count * (eta * u - eta + 1) ** (1 / (1 - theta)))
    return (Math.min(rank, count - 1) * 7919) % count
  }
}
