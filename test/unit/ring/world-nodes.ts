import type { Found } from '../../../kvs/core/entry.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { hasSlot } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeOrderedKeys } from '../../../kvs/order/index.ts'
import { type MemberClient, makeRingMember, type OwnNode, type RingMember } from '../../../kvs/ring/index.ts'
import type { Lane } from '../../../tools/simulator/scheduler.ts'
import { makeServiceRandom, makeVirtualClock } from '../../../tools/simulator/virtual-clock.ts'
import { makeWorldRingLog } from './world-connections.ts'
import { applyEntry, type HeldValues, type KeyEntry, type WorldLog } from './world-log.ts'
import type { WorldParts } from './world-parts.ts'

/** What came of a write: it is in the log; it was not done; or its node can't tell, and it may be done later. */
export type WriteOutcome = 'stored' | 'refused' | 'undecided'

/** A node, which lives on a lane of virtual time until it is killed. */
export interface WorldNode {
  readonly name: string
  /** Address of its member. */
  readonly address: string
  readonly member: RingMember
  readonly lane: Lane
  /** What keys have by the entries that it has applied. */
  readonly held: ReadonlyMap<string, Found>
  /** Applies all that the log has, a little later, as a node that the log tells of new entries. */
  applySoon(): void
  write(entry: KeyEntry): Promise<WriteOutcome>
}

export interface WorldNodeOptions {
  readonly parts: WorldParts
  readonly name: string
  readonly address: string
  readonly logOf: () => WorldLog
  readonly connect: (from: Lane, to: string) => MemberClient
  readonly note: (line: string) => void
}

export function startNode({ parts, name, address, logOf, connect, note }: WorldNodeOptions): WorldNode {
  const { scheduler, random, happens, delay } = parts
  const lane = scheduler.lane()
  const held: HeldValues = new Map()
  let applied = 0
  let willApply = false
  const ownNode: OwnNode = {
    requireReadable: () => undefined,
    logId: () => logOf().id,
    session: () => 1,
    sequence: () => BigInt(applied),
    noWritesReason: () => undefined,
    waitFor: catchUp,
    waitForHead: catchUp,
    async countKeysIn(slots) {
      await delay(lane)
      return [...held.keys()].filter((key) => hasSlot(slots, slotOf(key))).length
    },
    async keysIn(slots) {
      await delay(lane)
      const keys = makeOrderedKeys()
      for (const key of held.keys()) {
        const bytes = Buffer.from(key)
        if (hasSlot(slots, slotOf(key))) keys.add(bytes, 0, bytes.length)
      }
      return keys
    },
    heldValue: (key) => held.get(key),
    spooled: () => 0,
  }

  const member = makeRingMember({
    self: address,
    node: ownNode,
    ringLog: makeWorldRingLog(parts, lane, logOf),
    connect: (to) => connect(lane, to),
    stopping: new AbortController().signal,
    logger: { info: note, warn: note, error: () => undefined },
    clock: makeVirtualClock(scheduler, lane),
    random: makeServiceRandom(random),
  })

  function applyAll(): void {
    const { id, entries } = logOf()
    for (const entry of entries.slice(applied)) {
      applied++
      applyEntry(held, id, entry)
      if (entry.kind === 'ring') member.note({ sequence: entry.sequence, text: entry.text })
    }
  }

  async function catchUp(): Promise<void> {
    await delay(lane)
    applyAll()
  }

  const node: WorldNode = {
    ...{ name, address, member, lane, held },
    applySoon() {
      if (willApply) return
      willApply = true
      lane.after(happens('lags', 5) ? random.integer(100, 6_000) : random.integer(5, 60), () => {
        willApply = false
        applyAll()
      })
    },
    async write(entry) {
      if (!member.owns(entry.key)) return 'refused'
      const seen = BigInt(applied)
      await delay(lane)
      // The fence: a session that has not seen the newest entry on the ring appends nothing.
      const canLand = () => logOf().boundAt <= seen
      if (happens('losesAppends', 20)) {
        scheduler.lane().after(random.integer(1, 3_000), () => {
          if (canLand()) logOf().append([entry])
        })
        await delay(lane, 500)
        return 'undecided'
      }
      if (!canLand()) return 'refused'
      logOf().append([entry])
      applyAll()
      await delay(lane)
      return 'stored'
    },
  }
  applyAll()
  void member.run()
  return node
}
