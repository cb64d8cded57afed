import { NotOwner } from '../core/errors.ts'
import { addressesIn, membersOf, type Positions, type Ring } from '../core/ring/description.ts'
import type { RingPlan, RingService } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import type { RingChangeEntry, RingLog } from '../log/index.ts'
import { makeBinding } from './binding.ts'
import { type Changes, makeChanges } from './changes.ts'
import type { MemberClient } from './member-client.ts'
import type { OwnNode } from './own-node.ts'
import { conflict, isFormed, makeOwnRing, type OwnRing } from './own-ring.ts'

/** A node's part in a ring. */
export interface RingMember extends RingService {
  /** Takes an entry on the ring from the node's log, as `OwnRing.note`. */
  note(entry: RingChangeEntry): void
  /**
   * Keeps up with the ring, and brings to an end what was left under way, until the signal aborts. Begins once the node
   * has replayed its log. Never rejects.
   */
  run(signal: AbortSignal): Promise<void>
}

export interface RingOptions {
  /** This node's address in the ring. */
  readonly self: string
  readonly node: OwnNode
  readonly ringLog: RingLog
  readonly connect: (address: string) => MemberClient
  readonly logger: Logger
  readonly clock?: Clock
  readonly random?: Random
}

/** How often the home is asked for a newer version, in milliseconds. Requests bring it sooner. */
const refreshMs = 2_000
/** How often a change may find that its home has moved. */
const mostHomes = 10

export function makeRingMember(options: RingOptions): RingMember {
  const { logger, clock = systemClock, random = systemRandom } = options
  const own = makeOwnRing(options.self, logger)
  const binding = makeBinding({ ...options, own })
  const clients = new Map<string, MemberClient>()

  function memberAt(address: string): MemberClient {
    if (address === own.self) return itself
    const client = clients.get(address) ?? options.connect(address)
    clients.set(address, client)
    return client
  }

  async function learn(ring: Ring): Promise<void> {
    if (!isAbout(ring, own)) conflict(`the ring does not name ${own.self}`)
    own.hear(ring)
    if (ring.next === undefined && (own.bound?.ring.id === ring.id || own.current?.id === ring.id)) {
      await binding.settle(ring)
    }
  }

  async function learnFrom(address: string): Promise<void> {
    try {
      const { ring } = await memberAt(address).state()
      if (ring !== undefined) await learn(ring)
    } catch {
      // Whoever asked goes on with what is known.
    }
  }

  const changes = makeChanges({ ...options, own, binding, memberAt, clock, random })
  const service: RingService = {
    get self() {
      return own.self
    },
    requireKnown: options.node.requireReadable,
    current: () => own.current,
    versionText: own.versionText,
    owns: own.ownsKey,
    requireOwned: own.requireOwned,
    ownersOf: own.ownersOf,
    members: own.members,
    learnFrom,
    replace: (positions) => ask({ kind: 'replace', positions }),
    add: (position, address) => ask({ kind: 'add', position, address }),
    remove: (address) => ask({ kind: 'remove', address }),
    // One that was given up is told of as well: who was about to join has to know.
    state: () => ({ ring: own.latest, self: own.self, owns: own.owns }),
    learn,
    give: binding.give,
    change: changes.change,
  }
  const itself: MemberClient = { ...service, state: async () => service.state(), learn, give: binding.give }

  /** Has the home of the ring make a change. */
  async function ask(change: RingPlan): Promise<void> {
    const asked = { asker: own.self, change }
    for (let tries = 1; ; tries++) {
      const home = own.current?.home ?? (await findHome(memberAt, own, change))
      try {
        await memberAt(home).change(asked)
        return await learnFrom(home)
      } catch (error) {
        if (!(error instanceof NotOwner) || tries === mostHomes) throw error
      }
      await learnFrom(home)
      await clock.sleep(tries * 20)
    }
  }

  return {
    ...service,
    get self() {
      return own.self
    },
    note: own.note,
    run: (signal) => keepUp({ own, changes, memberAt, learn, logger, clock, random }, signal),
  }
}

/** Whether a description is for this node: it is in that ring, or was about to be. */
function isAbout(ring: Ring, { self, latest }: OwnRing): boolean {
  return latest?.id === ring.id || addressesIn(ring).includes(self)
}

/**
 * Where a change is decided that a node asks for which is in no ring: at the home of the ring that the others are in,
 * or else, by the same choice of every node that is asked, at the member with the lowest position.
 */
async function findHome(memberAt: (address: string) => MemberClient, own: OwnRing, change: RingPlan): Promise<string> {
  const positions: Positions = change.kind === 'replace' ? change.positions : new Map()
  const [first, ...others] = membersOf(positions)
  if (first === undefined) conflict(`${own.self} is in no ring: POST /hash_ring forms one`)
  for (const address of [first, ...others]) {
    if (address === own.self) continue
    const { ring, self } = await memberAt(address).state()
    if (self !== address) conflict(`the node at ${address} has the address ${self} (KVS_ADDRESS)`)
    if (ring !== undefined && isFormed(ring)) return ring.home
  }
  return first
}

interface KeepingUp {
  readonly own: OwnRing
  readonly changes: Changes
  readonly memberAt: (address: string) => MemberClient
  readonly learn: (ring: Ring) => Promise<void>
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

async function keepUp(parts: KeepingUp, signal: AbortSignal): Promise<void> {
  const { own, changes, learn, logger, clock, random } = parts
  let left: Ring | undefined
  let told = ''
  while (!signal.aborted) {
    try {
      const { bound } = own
      const isUnderWay = bound?.ring.next !== undefined && bound.ring.home === own.self
      // Whoever has begun it brings it to its end sooner, unless it is gone.
      if (isUnderWay && left === bound.ring) await changes.finish(bound.ring)
      left = isUnderWay ? bound.ring : undefined
      if (own.current !== undefined && own.current.next === undefined) await learn(own.current)
      await refresh(parts)
      told = ''
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== told && !signal.aborted) logger.warn(`the ring: ${reason}`)
      told = reason
    }
    await clock.sleep(refreshMs * (0.75 + random.fraction() / 2), signal)
  }
}

/** Asks the home for what it knows; where that can't be reached, the others in turn, until one answers. */
async function refresh({ own, memberAt, learn }: KeepingUp): Promise<void> {
  const ring = own.current
  if (ring === undefined || ring.home === own.self) return
  const members = [ring.home, ...membersOf(ring.positions), ...membersOf(ring.next ?? new Map())]
  for (const address of new Set(members)) {
    if (address === own.self) continue
    const state = await memberAt(address)
      .state()
      .catch(() => undefined)
    if (state === undefined) continue
    const isOver = address === ring.home && ring.positions.size === 0 && state.ring?.id !== ring.id
    if (isOver) await learn(givenUp(ring))
    else if (state.ring !== undefined) await learn(state.ring)
    return
  }
}

/**
 * A ring that was never formed, and whose home has gone on to another one: nobody leaves a ring that was. This node may
 * have been out of reach when the home gave it up.
 */
function givenUp(ring: Ring): Ring {
  return { ...ring, version: ring.version + 1, next: undefined, standbys: [] }
}
