import type { SpooledWrite } from '../../../kvs/core/entry.ts'
import { ringStatusOf } from '../../../kvs/kv/index.ts'
import type { Logger } from '../../../kvs/lib/logging.ts'
import { type MemoryServer, makeMemoryRingLog, type PageLimits } from '../../../kvs/log/memory/index.ts'
import type { Replica, ReplicaOptions } from '../../../kvs/replica/index.ts'
import { makePassingOn, makeRingMember, type RingMember } from '../../../kvs/ring/index.ts'
import { ownNode } from '../../../kvs/roles/node-ring.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Link } from '../link.ts'
import type { Plants } from '../plants.ts'
import type { Lane } from '../scheduler.ts'
import { makeServiceRandom, type VirtualClock } from '../virtual-clock.ts'
import type { RingNetwork } from './ring-network.ts'
import { addressOf } from './ring-schedule.ts'

type RingHooks = Required<Pick<ReplicaOptions, 'ring' | 'ringStatus' | 'passOn'>>

/** The member that a node belongs to. */
export interface RingPlace {
  /** The first one is 0. */
  readonly number: number
  readonly network: RingNetwork
}

export interface NodeRingOptions {
  readonly name: string
  readonly ring: RingPlace
  readonly logServer: MemoryServer
  readonly link: Link
  readonly plants: Plants
}

/** What it takes of the process that it runs in. */
export interface RingProcessParts {
  readonly lane: Lane
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly timeouts: { readonly log: number }
  readonly pageLimits: PageLimits
  readonly logger: Logger
  readonly writerId: string
  readonly process: { readonly store: Replica | undefined; readonly stopping: AbortController }
}

export interface NodeRing {
  readonly member: RingMember
  /** As `makePassingOn`. */
  readonly passOn: (writerId: string, spooled: SpooledWrite) => Promise<void>
  readonly replicaOptions: RingHooks
}

/** As roles/node-ring.ts does it, over the simulated network between members. */
export function makeNodeRing(
  { name, ring: { number, network }, logServer, link, plants }: NodeRingOptions,
  { lane, clock, random, timeouts, pageLimits, logger, writerId, process }: RingProcessParts,
): NodeRing {
  const from = { member: number, process: lane }
  const ringLog = makeMemoryRingLog({
    ...{ server: logServer, name: `${name} for the ring`, network: link.networkFor(lane), clock, pageLimits },
    ...{ random: makeServiceRandom(random.fork('ring log')), timeoutMs: timeouts.log },
  })
  const store = () => {
    if (process.store === undefined) throw new Error('the store is not there yet')
    return process.store
  }
  const own = ownNode(store)
  const member = makeRingMember({
    self: addressOf(number),
    node: plants.ownNode?.(own) ?? own,
    ringLog: plants.ringLog?.(ringLog) ?? ringLog,
    connect(address) {
      const client = network.clientOf(from, address)
      return plants.member?.(client) ?? client
    },
    stopping: process.stopping.signal,
    ...{ logger, clock, random: makeServiceRandom(random.fork('ring')) },
  })
  const passingOn = makePassingOn({
    ...{ ring: member, clock },
    connect(address) {
      const spooled = network.spooledOf(from, address)
      return plants.spooled?.(spooled) ?? spooled
    },
  })
  const passOn = plants.passOn?.(passingOn) ?? passingOn
  return {
    ...{ member, passOn },
    replicaOptions: {
      ring: plants.guard?.(member) ?? member,
      ringStatus: () => ringStatusOf(member),
      passOn: (spooled) => passOn(writerId, spooled),
    },
  }
}
