import { NotOwner } from '../core/errors.ts'
import { nowhere, type Position, positionAt } from '../core/position.ts'
import { addressesIn, membersOf, type Positions, type Ring } from '../core/ring/description.ts'
import { allSlots, isSameSlots, type SlotRanges } from '../core/ring/slot-ranges.ts'
import type { RingPlan, RingProgress, RingService, RingState } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import type { RingChangeEntry, RingLog } from '../log/index.ts'
import { makeBinding } from './binding.ts'
import { makeChanges, requireSelf } from './changes.ts'
import { type Copies, keepClearing, makeCopies } from './handover/clearing-copies.ts'
import { makeOffers } from './handover/offers.ts'
import { makePace } from './handover/pace.ts'
import { makeTaking, type Taking } from './handover/taking.ts'
import { askAround, keepUp } from './keeping-up.ts'
import { decidingMember, hasNewHome } from './lost-members.ts'
import type { MemberClient } from './member-client.ts'
import type { OwnNode } from './own-node.ts'
import { conflict, isFormed, makeOwnRing, type OwnRing } from './own-ring.ts'
import { settledBefore } from './settling.ts'

/** A node's part in a ring. */
export interface RingMember extends RingService {
  /** Takes an entry on the ring from the node's log, as `OwnRing.note`. */
  note(entry: RingChangeEntry): boolean
  /** As `OwnRing.foresee`. */
  foresee(entry: RingChangeEntry | undefined): boolean
  /** As `OwnRing.isCopy`. */
  isCopy(key: string): boolean
  /**
   * Keeps up with the ring, and brings to an end what was left under way, until the node stops. Begins once the node
   * has replayed its log. Never rejects.
   */
  run(): Promise<void>
}

export interface RingOptions {
  /** This node's address in the ring. */
  readonly self: string
  readonly node: OwnNode
  readonly ringLog: RingLog
  readonly connect: (address: string) => MemberClient
  /** Most keys a second that are compared or deleted while keys move; Infinity for no bound, which is the default. */
  readonly handoverRate?: number
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly clock?: Clock
  readonly random?: Random
}

const noResult = () => undefined

/** How often a change may find that its home has moved. */
const mostHomes = 10

export function makeRingMember(options: RingOptions): RingMember {
  const { node, stopping, logger, clock = systemClock, random = systemRandom } = options
  const own = makeOwnRing(options.self, logger)
  const binding = makeBinding({ ...options, own })
  const clients = new Map<string, MemberClient>()
  const pace = makePace(options.handoverRate ?? Infinity, clock)
  const moving = { ...options, own, memberAt, pace, clock }
  const taking = makeTaking({ ...moving, binding })
  const copies = makeCopies(moving)
  const offers = makeOffers(moving)

  function memberAt(address: string): MemberClient {
    if (address === own.self) return itself
    const client = clients.get(address) ?? options.connect(address)
    clients.set(address, client)
    return client
  }

  /** Takes over a version that is known to be decided, where it is newer. On return the log has it, once settled. */
  async function takeOver(ring: Ring): Promise<void> {
    if (!isAbout(ring, own)) conflict(`the ring does not name ${own.self}`)
    own.hear(ring)
    const isIn = own.bound?.ring.id === ring.id || own.current?.id === ring.id
    if (!isIn) return
    if (ring.next === undefined) await binding.settle(ring)
    else if (isMissed(ring, own)) await binding.settle(settledBefore(ring))
  }

  /** Whoever tells of a version may be mistaken: the home knows what is decided. */
  async function learn(ring: Ring): Promise<void> {
    if (!isAbout(ring, own)) conflict(`the ring does not name ${own.self}`)
    const known = own.latest
    if (known?.id === ring.id && known.version >= ring.version) return takeOver(known)
    const isAsked = known?.id === ring.id && known.home !== own.self && !hasNewHome(ring, known)
    const home = isAsked ? known.home : ring.home
    const { ring: confirmed } = await memberAt(home)
      .state()
      .catch((error: unknown) => confirmedByOthers(ring, error))
    if (confirmed?.id !== ring.id || confirmed.version < ring.version) {
      conflict(`${home}, the home of the ring, does not know its version ${ring.version}`)
    }
    await takeOver(confirmed)
  }

  /** The home may be lost. Whoever is told of a version by one member asks all that this one names. */
  async function confirmedByOthers(ring: Ring, error: unknown): Promise<Pick<RingState, 'ring'>> {
    const known = own.latest
    if (known?.id !== ring.id) throw error
    await askAround(around, { ...ring, version: known.version })
    if ((own.latest?.version ?? 0) < ring.version) throw error
    return { ring: own.latest }
  }

  async function learnFrom(address: string): Promise<void> {
    try {
      const { ring } = await memberAt(address).state()
      if (ring !== undefined) await takeOver(ring)
    } catch {
      // Whoever asked goes on with what is known.
    }
  }

  const around = { own, memberAt, takeOver }
  const parts = {
    ...{ own, node, binding, memberAt, stopping, logger, clock, random },
    // Whoever is out of reach, or in no ring, has nothing newer to tell.
    askAround: (ring: Ring) => askAround(around, ring).then(noResult, noResult),
  }
  const changes = makeChanges(parts)
  const service: RingService = {
    get self() {
      return own.self
    },
    requireKnown: node.requireReadable,
    catchUp: node.waitForHead,
    current: () => own.current,
    versionText: own.versionText,
    owns: own.ownsKey,
    requireOwned: own.requireOwned,
    onNews: own.onNews,
    ownersOf: own.ownersOf,
    members: own.members,
    learnFrom,
    replace: (positions) => ask({ kind: 'replace', positions }),
    add: (position, address) => ask({ kind: 'add', position, address }),
    remove: (address) => ask({ kind: 'remove', address }),
    // One that was given up is told of as well: who was about to join has to know.
    state: () => ({ ring: own.latest, self: own.self, owns: ownedBy(own), position: positionOf(node) }),
    progress: () => progressOf(taking, copies),
    learn,
    give: binding.give,
    take: taking.take,
    ...offers,
    change: changes.change,
    callOff: () => ask({ kind: 'call off' }),
    removeLost: (addresses, confirmed) => ask({ kind: 'remove lost', addresses, confirmed }),
  }
  const itself: MemberClient = {
    state: async () => service.state(),
    learn: takeOver,
    give: binding.give,
    take: taking.take,
    ...offers,
    change: changes.change,
  }

  /** Where a change is decided. Whose home is lost may know an old version. */
  async function deciding(change: RingPlan): Promise<string> {
    if (change.kind !== 'remove lost') return own.current?.home ?? findHome(memberAt, own, change)
    if (own.current !== undefined) await parts.askAround(own.current)
    return decidingMember(own.current ?? conflict(`${own.self} is in no ring`), change.addresses)
  }

  /** Has the home of the ring make a change. */
  async function ask(change: RingPlan): Promise<void> {
    node.requireReadable()
    const asked = { asker: own.self, change }
    for (let tries = 1; ; tries++) {
      const home = await deciding(change)
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
    foresee: own.foresee,
    isCopy: own.isCopy,
    async run() {
      const keeping = { node, binding, logger, clock, random }
      await Promise.all([keepUp({ ...around, ...keeping, changes }, stopping), keepClearing(copies, keeping, stopping)])
    },
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
    await requireSelf(memberAt(address), address)
    const { ring } = await memberAt(address).state()
    if (ring !== undefined && isFormed(ring)) return ring.home
  }
  return first
}

function progressOf({ progress, moved }: Taking, copies: Copies): RingProgress {
  const taking = progress && { ...progress, obstacle: progress.obstacle ?? null }
  return { taking: taking ?? null, moved, copies: copies.count ?? null }
}

/**
 * What a member says that its log owns. A log without an entry on the ring owns what others say, as long as that is all
 * there is to go by; but nobody is to rely on that.
 */
function ownedBy({ bound, owns }: OwnRing): SlotRanges {
  return bound === undefined && !isSameSlots(owns, allSlots) ? [] : owns
}

/** Whether the log lacks the version that was settled before a change: this node may have been out of reach then. */
function isMissed({ id, version, positions, joining = [] }: Ring, { bound, self }: OwnRing): boolean {
  if (positions.size === 0 || joining.includes(self)) return false
  return bound === undefined || (bound.ring.id === id && bound.ring.version < version - 1)
}

function positionOf(node: OwnNode): Position {
  const logId = node.logId()
  return logId === '' ? nowhere : positionAt(logId, node.sequence())
}
