import type { Ring } from '../../core/ring/description.ts'
import type { RingService, TakeProgress } from '../../kv/index.ts'
import type { Binding } from '../binding.ts'
import { conflict } from '../own-ring.ts'
import { type RunParts, TakeRun } from './take-run.ts'

export interface TakingParts extends RunParts {
  readonly binding: Pick<Binding, 'prepare'>
}

/** The part of a member that a change gives slots to. */
export interface Taking extends Pick<RingService, 'take'> {
  /** How far the change is that this node takes keys for; undefined for none. */
  readonly progress: (TakeProgress & { readonly version: number }) | undefined
  /** How many keys this node has stored for changes, in all. */
  readonly moved: number
}

/** How long an answer waits for news, in milliseconds. */
const newsMs = 500
export function makeTaking(parts: TakingParts): Taking {
  const { own, node, binding, clock } = parts
  const count = { moved: 0 }
  let run: TakeRun | undefined
  let starting: Promise<TakeRun> | undefined

  async function start(ring: Ring): Promise<TakeRun> {
    await binding.prepare(ring)
    const started = new TakeRun(parts, ring, count)
    run = started
    return started
  }

  async function runOf(ring: Ring): Promise<TakeRun> {
    while (starting !== undefined) await starting.catch(() => undefined)
    if (run !== undefined && !run.isOver && run.isOf(ring)) return run
    starting = start(ring)
    return starting.finally(() => {
      starting = undefined
    })
  }

  return {
    async take(ring, gives) {
      node.requireReadable()
      if (ring.next === undefined) conflict('there is nothing to take')
      const { bound, self } = own
      const isOver = bound?.ring.id === ring.id && bound.ring.version > ring.version
      if (isOver) conflict(`the change of the ring by its version ${ring.version} is over at ${self}`)
      const running = await runOf(ring)
      running.ask(gives)
      await Promise.race([running.news(), clock.sleep(newsMs, parts.stopping)])
      return running.progress
    },
    get progress() {
      return run === undefined || run.isOver ? undefined : { ...run.progress, version: run.version }
    },
    get moved() {
      return count.moved
    },
  }
}
