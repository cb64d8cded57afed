import { KvsError } from '../core/errors.ts'
import { addressesIn, membersOf, type Positions, type Ring } from '../core/ring/description.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { forEach } from './handover/handing-over.ts'
import type { MemberClient } from './member-client.ts'
import { lostBefore } from './planned-version.ts'

export interface TellingParts {
  readonly memberAt: (address: string) => MemberClient
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly clock: Clock
}

/** How long a member that a change needs may be out of reach before the change is given up, in milliseconds. */
const patienceMs = 10_000
const pauseMs = 200

/** The version by which all stays as it was before a change. */
export function calledOff(ring: Ring, self: string): Ring {
  const { joining = [] } = ring
  const settled = settledAs(ring, ring.positions, self)
  return { ...settled, standbys: settled.standbys.filter((address) => !joining.includes(address)) }
}

/** The version that a change was begun after. */
export function settledBefore(ring: Ring): Ring {
  const { version, standbys, joining = [] } = ring
  const before = standbys.filter((address) => !joining.includes(address))
  return { ...ring, version: version - 1, next: undefined, joining: undefined, standbys: before }
}

export function settledAs(ring: Ring, positions: Positions, self: string): Ring {
  const { id, version } = ring
  const members = membersOf(positions)
  const standbys = addressesIn(ring).filter((address) => !members.includes(address))
  return {
    ...{ id, version: version + 1, positions, next: undefined, standbys: standbys.toSorted(), ...lostBefore(ring) },
    home: members.includes(self) ? self : (members[0] ?? self),
  }
}

/**
 * Tells all that the change has been about. Resolves once the members own what is theirs. Where one of them can't be
 * told, it rejects if the change is made, so that nobody takes it for done. The member asks by itself once it can.
 */
export async function spread(
  parts: TellingParts,
  ring: Ring,
  addresses: readonly string[],
  isMade: boolean,
): Promise<void> {
  const { memberAt, logger } = parts
  const members = membersOf(ring.positions)
  const others = [...new Set(addresses)].filter((address) => !members.includes(address))
  const notTold = (address: string) => (error: Error) => {
    // Who has not given anything up yet need not know that the change is off.
    const isStrange = error instanceof KvsError && error.code === 'ring_conflict'
    if (!isStrange) logger.info(`${address} is not told of the ring’s version ${ring.version} yet: ${error.message}`)
  }
  const notOwning = (address: string) => (error: Error) => {
    if (!isMade) return notTold(address)(error)
    const sentence = `the ring is changed, but ${address} does not own its part yet: ${error.message}`
    throw new KvsError('cannot_forward', sentence, { cause: error })
  }
  await Promise.all([
    forEach(members, (address) => reach(parts, address, (member) => member.learn(ring)).catch(notOwning(address))),
    forEach(others, (address) => memberAt(address).learn(ring).catch(notTold(address))),
  ])
}

/** Asks a member until it answers, for as long as patience lasts. What it refuses is not asked again. */
export async function reach<T>(
  { memberAt, clock, stopping }: TellingParts,
  address: string,
  ask: (member: MemberClient) => Promise<T>,
): Promise<T> {
  const end = clock.now() + patienceMs
  for (;;) {
    if (stopping.aborted) throw new KvsError('draining')
    try {
      return await ask(memberAt(address))
    } catch (error) {
      const isRefusal = error instanceof KvsError && error.status < 500
      if (isRefusal || stopping.aborted || clock.now() >= end) throw error
    }
    await clock.sleep(pauseMs, stopping)
  }
}
