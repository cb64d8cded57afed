import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../../../tools/lab/seeded-random.ts'
import type { Answer } from '../../support/client.ts'
import type { RingNode } from './nodes.ts'

/** What is known of one key. Only one client writes it, and no more once it doesn't know what became of a write. */
export interface Kept {
  /** Last value that was acknowledged; undefined where that was a DELETE, or nothing was. */
  acknowledged: string | undefined
  /** What may be there in its place: a write that was asked for after that, and of which nobody knows. */
  unknown?: { readonly value: string | undefined }
}

export interface Keeper {
  readonly keys: ReadonlyMap<string, Kept>
  /** Reads that showed something else than what was acknowledged, in words. */
  readonly wrong: readonly string[]
  /** Writes that were acknowledged. */
  readonly acknowledged: number
  run(signal: AbortSignal): Promise<void>
}

export interface KeeperOptions {
  readonly name: string
  readonly nodes: readonly RingNode[]
  readonly random: SeededRandom
}

/**
 * Writes unique values to keys of its own through any node, one after the other, deletes one now and then, and reads
 * each back through another.
 */
export function makeKeeper({ name, nodes, random }: KeeperOptions): Keeper {
  const keys = new Map<string, Kept>()
  const wrong: string[] = []
  let drawn = 0
  let acknowledged = 0

  const newKey = () => `${name}-${drawn++}`

  /** @returns false where nobody knows whether it is done */
  async function write(key: string, value: string | undefined): Promise<boolean> {
    const kept = keys.get(key) ?? { acknowledged: undefined }
    keys.set(key, kept)
    // A crash of this test's own connection leaves the write as open as an answer that says so.
    kept.unknown = { value }
    const node = random.pick(nodes)
    const answer = await (value === undefined ? node.remove(key) : node.put(key, value)).catch(() => undefined)
    if (answer === undefined || answer.status >= 500) return false
    if (answer.status >= 300) throw new Error(`${name}: a write of ${key} is ${answer.status}: ${answer.body}`)
    kept.acknowledged = value
    delete kept.unknown
    acknowledged++
    return true
  }

  async function readBack(key: string): Promise<void> {
    const { address, get } = random.pick(nodes)
    const answer = await get(key).catch(() => undefined)
    if (answer === undefined || answer.status >= 500) return
    const expected = keys.get(key)?.acknowledged
    if (shownIn(answer) !== expected)
      wrong.push(`${key} at ${address}: ${answer.status} ${answer.body}, not ${expected}`)
  }

  return {
    ...{ keys, wrong },
    get acknowledged() {
      return acknowledged
    },
    async run(signal) {
      const own = Array.from({ length: 10 }, newKey)
      for (let turn = 0; !signal.aborted; turn++) {
        const at = random.integer(0, own.length - 1)
        const key = own[at] as string
        const value = random.chance(0.2) ? undefined : `${name} ${turn}`
        if (await write(key, value)) await readBack(key)
        else {
          own[at] = newKey()
          await sleep(50)
        }
        if (random.chance(0.2)) await sleep(random.integer(1, 20))
      }
    },
  }
}

/** Undefined where there is no such key. */
export const shownIn = ({ status, body }: Answer) => (status === 200 ? body : undefined)

/** Values of which one has to be there; undefined stands for none. */
export const possibleValues = ({ acknowledged, unknown }: Kept) => [
  acknowledged,
  ...(unknown === undefined ? [] : [unknown.value]),
]
