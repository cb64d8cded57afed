import { KvsError } from '../../../kvs/core/errors.ts'
import type { MovedPage } from '../../../kvs/kv/index.ts'
import type { MemberClient } from '../../../kvs/ring/index.ts'
import type { Lane } from '../../../tools/simulator/scheduler.ts'
import type { WorldNode } from './world-nodes.ts'
import type { WorldParts } from './world-parts.ts'

/** What is asked over the network. */
export interface WorldNetwork {
  /**
   * Has a node at an address do something. Rejects with `cannot_forward` where no answer comes in time: then it may be
   * done, or may be later.
   * @param from lane of who asks
   */
  ask<T>(from: Lane, to: string, act: (node: WorldNode) => Promise<T>, answerMs?: number): Promise<T>
  /** What a node asks the member at an address for. */
  connect(from: Lane, to: string): MemberClient
}

/** How long an answer is waited for, in milliseconds; that to a change takes all that the change takes. */
const usualMs = 1_000
/** A member that looks for keys says so after a second. */
const pageMs = 2_000
const changeMs = 40_000

/** As if a page had no room for more keys. */
function shortened(page: MovedPage, count: number): MovedPage {
  if (page.items.length <= count) return page
  const items = page.items.slice(0, count)
  return { ...page, items, last: items.at(-1)?.write.key }
}

/** @param reached one of the nodes at an address that are up, as a balancer chooses; undefined where there is none */
export function makeWorldNetwork(parts: WorldParts, reached: (address: string) => WorldNode | undefined): WorldNetwork {
  const { scheduler, random, happens, latency } = parts

  function ask<T>(from: Lane, to: string, act: (node: WorldNode) => Promise<T>, answerMs = usualMs): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const node = reached(to)
    from.after(node === undefined ? latency() : answerMs, () => {
      reject(new KvsError('cannot_forward', `the ring needs ${to}: it gives no answer`))
    })
    node?.lane.after(latency(), () => {
      act(node).then(
        (answer) => void from.after(latency(), () => resolve(answer)),
        (error) => void from.after(latency(), () => reject(error)),
      )
    })
    return promise
  }

  /** Some requests that change nothing when they come twice do come twice. */
  function askOften<T>(from: Lane, to: string, act: (node: WorldNode) => Promise<T>, answerMs?: number): Promise<T> {
    if (happens('repeats', 5)) {
      scheduler.lane().after(random.integer(100, 30_000), () => {
        const late = reached(to)
        if (late !== undefined) act(late).catch(() => undefined)
      })
    }
    return ask(from, to, act, answerMs)
  }

  return {
    ask,
    connect(from, to) {
      return {
        state: () =>
          askOften(from, to, async ({ member }) => {
            await member.catchUp()
            return member.state()
          }),
        learn: (ring) => askOften(from, to, ({ member }) => member.learn(ring)),
        give: (...asked) => askOften(from, to, ({ member }) => member.give(...asked)),
        take: (...asked) => askOften(from, to, ({ member }) => member.take(...asked)),
        movedKeys: async (asked) => {
          const page = await askOften(from, to, ({ member }) => member.movedKeys(asked), pageMs)
          return shortened(page, random.integer(1, 4))
        },
        movedChanges: (asked) => askOften(from, to, ({ member }) => member.movedChanges(asked)),
        movedAnswers: (asked) => askOften(from, to, ({ member }) => member.movedAnswers(asked)),
        change: (asked) => askOften(from, to, ({ member }) => member.change(asked), changeMs),
      }
    },
  }
}
