import type { Fate, Message, Network } from '../../kvs/log/memory/index.ts'
import type { Random } from '../drill/random.ts'
import type { Latency } from './schedule.ts'
import type { Lane } from './scheduler.ts'
import type { Trace } from './trace.ts'

/** The network between one node and the log's server, over all of the node's processes. */
export interface Link {
  readonly faults: Set<LinkFault>
  /** Resets all that is under way. */
  breakOff(): void
  /** The network as one process of the node has it: nothing arrives at that once its lane has ended. */
  networkFor(process: Lane): Network
}

export type LinkFault = 'cut' | 'late requests' | 'lost answers' | 'slow network'

export interface LinkOptions {
  readonly name: string
  /** What is under way goes on, whoever is killed. */
  readonly lane: Lane
  readonly latency: Latency
  /** Whether the log takes fifty times as long for a commit. */
  readonly isLogSlow: () => boolean
  readonly random: Random
  readonly trace: Trace
}

const slowness = 50
const never = new Promise<never>(() => undefined)

export function makeLink(options: LinkOptions): Link {
  const { name, lane, random, trace } = options
  const faults = new Set<LinkFault>()
  const underWay = new Set<(fate: Fate) => void>()

  /** The fate of a message, when it is decided. */
  function travel(message: Message): Promise<Fate> {
    if (faults.has('cut')) return after(random.between(0, 1), 'reset')
    if (message.leg === 'answer' && faults.has('lost answers')) return after(0, 'lost')
    if (message.leg === 'request' && faults.has('late requests') && message.kind !== 'connect') {
      if (random.chance(0.3)) return after(0, 'lost')
      return after(random.pick([1, 1, 3]) * random.between(0, 3_000), 'arrives')
    }
    return after(delayOf(message, options, faults), 'arrives')
  }

  function after(ms: number, fate: Fate): Promise<Fate> {
    return new Promise((resolve) => {
      const timer = lane.after(ms, () => end(fate))
      underWay.add(end)
      function end(fate: Fate): void {
        timer.cancel()
        underWay.delete(end)
        resolve(fate)
      }
    })
  }

  return {
    faults,
    breakOff() {
      for (const end of [...underWay]) end('reset')
    },
    networkFor: (process) => ({
      async carry(message) {
        if (process.isEnded) return never
        const fate = await travel(message)
        if (isTold(message, fate)) {
          trace.add(name, `${message.leg} ${message.kind} #${message.connection} ${fate}`)
        }
        // What has arrived waits for a process that is frozen, and for one that is gone for ever.
        if (message.leg === 'answer' || fate !== 'arrives') await arrival(process)
        return fate
      },
    }),
  }
}

function arrival(process: Lane): Promise<void> {
  return new Promise((resolve) => process.after(0, resolve))
}

/** A commit is done about halfway between the batch's arrival and its answer's departure. */
function delayOf({ kind }: Message, options: LinkOptions, faults: ReadonlySet<LinkFault>): number {
  const { latency, isLogSlow, random } = options
  const network = latency.network * (faults.has('slow network') ? slowness : 1)
  const commit = kind.startsWith('append') ? (latency.commit / 2) * (isLogSlow() ? slowness : 1) : 0
  return random.between(0.5, 1.5) * network + random.between(0, 2) * commit
}

/** Every append, and what of the rest goes wrong. */
function isTold({ kind, leg }: Message, fate: Fate): boolean {
  return fate !== 'arrives' || (kind.startsWith('append') && leg === 'request')
}
