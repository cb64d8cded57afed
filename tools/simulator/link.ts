import type { Timer } from '../../kvs/lib/clock.ts'
import type { Link as Connection, Fate, Message, Network } from '../../kvs/log/memory/index.ts'
import type { SeededRandom } from '../lab/seeded-random.ts'
import type { Latency } from './schedule.ts'
import type { Lane } from './scheduler.ts'
import type { Trace } from './trace.ts'

/** The network between one node and the log's server, over all of the node's processes. */
export interface Link {
  readonly faults: Set<LinkFault>
  /** Breaks every connection. The server sees that too, or goes on with what is under way to it. */
  breakOff(): void
  /** The server is told that a process is gone. */
  leave(process: Lane): void
  /** The network as one process of the node has it: nothing arrives at that once its lane has ended. */
  networkFor(process: Lane): Network
}

export type LinkFault = 'cut' | 'late requests' | 'late appends' | 'lost answers' | 'slow network'

export interface LinkOptions {
  readonly name: string
  /** What is under way goes on, whoever is killed. */
  readonly lane: Lane
  readonly latency: Latency
  /** Whether the log takes fifty times as long for a commit. */
  readonly isLogSlow: () => boolean
  /** Whether the server ends sessions of its own accord whose node is gone: else they stay. */
  readonly noticesLoss?: boolean
  readonly random: SeededRandom
  readonly trace: Trace
}

const slowness = 50
/** When a server that was not told of it takes a connection for lost, at the latest. */
const keepaliveMs = 10_000
/**
 * A new one each time: what waits for it is garbage then, and a promise that all share would keep every run for ever.
 */
const never = () => new Promise<never>(() => undefined)

/** A message on its way. */
interface Delivery {
  readonly message: Message
  timer: Timer
  readonly arrive: () => void
}

export function makeLink(options: LinkOptions): Link {
  const { name, lane, random, trace, noticesLoss = false } = options
  const faults = new Set<LinkFault>()
  const connections = new Map<Connection, Lane>()
  const underWay = new Set<Delivery>()

  /** The fate of a message, when it is decided. */
  function travel(message: Message): Promise<Fate> {
    // All connections were broken when the cut began; the server may not know it yet.
    if (faults.has('cut')) return deliver(message, random.between(0, 1), message.kind === 'connect' ? 'reset' : 'lost')
    if (message.leg === 'answer' && faults.has('lost answers')) return deliver(message, 0, 'lost')
    if (message.leg === 'request' && faults.has('late requests') && message.kind !== 'connect') {
      if (random.chance(0.3)) return deliver(message, 0, 'lost')
      return deliver(message, random.pick([1, 1, 3]) * random.between(0, 3_000), 'arrives')
    }
    if (isAppend(message) && message.leg === 'request' && faults.has('late appends') && random.chance(0.3)) {
      return deliver(message, random.between(1_000, 12_000), 'arrives')
    }
    return deliver(message, delayOf(message, options, faults), 'arrives')
  }

  function deliver(message: Message, ms: number, fate: Fate): Promise<Fate> {
    return new Promise((resolve) => {
      const arrive = () => {
        underWay.delete(delivery)
        resolve(fate)
      }
      const delivery: Delivery = { message, timer: lane.after(ms, arrive), arrive }
      underWay.add(delivery)
    })
  }

  /** What is still on its way may take much longer now: packets are sent again, and buffered somewhere. */
  function postpone(connection: Connection): void {
    for (const delivery of underWay) {
      const { writerId, connection: number } = delivery.message
      if (writerId !== connection.writerId || number !== connection.connection) continue
      delivery.timer.cancel()
      delivery.timer = lane.after(random.between(0, 2_500), delivery.arrive)
    }
  }

  return {
    faults,
    breakOff() {
      for (const [connection, process] of connections) {
        const seenBy = random.pick(['both ends', 'the node'] as const)
        if (seenBy === 'the node' && random.chance(0.7)) postpone(connection)
        process.after(0, () => connection.reset(seenBy))
        if (noticesLoss) lane.after(random.between(0, keepaliveMs), () => connection.reset('both ends'))
      }
      connections.clear()
    },
    leave(process) {
      for (const [connection, owner] of connections) {
        if (owner !== process) continue
        connections.delete(connection)
        const ms = faults.has('cut') ? keepaliveMs : options.latency.network
        lane.after(random.between(0, 2) * ms, () => connection.reset('both ends'))
      }
    },
    networkFor: (process) => ({
      opened: (connection) => void connections.set(connection, process),
      async carry(message) {
        if (process.isEnded) return never()
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
function delayOf(message: Message, options: LinkOptions, faults: ReadonlySet<LinkFault>): number {
  const { latency, isLogSlow, random } = options
  const network = latency.network * (faults.has('slow network') ? slowness : 1)
  const commit = isAppend(message) ? (latency.commit / 2) * (isLogSlow() ? slowness : 1) : 0
  return random.between(0.5, 1.5) * network + random.between(0, 2) * commit
}

/** Every append, and what of the rest goes wrong. */
function isTold(message: Message, fate: Fate): boolean {
  return fate !== 'arrives' || (isAppend(message) && message.leg === 'request')
}

const isAppend = ({ kind }: Message) => kind.startsWith('append')
