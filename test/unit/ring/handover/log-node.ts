import type { Positions, Ring } from '../../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../../kvs/core/ring/key-slot.ts'
import { formatRingEntry } from '../../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges } from '../../../../kvs/core/ring/slot-ranges.ts'
import type { Clock } from '../../../../kvs/lib/clock.ts'
import type { RingLog } from '../../../../kvs/log/index.ts'
import { makeOrderedKeys } from '../../../../kvs/order/index.ts'
import type { OwnNode } from '../../../../kvs/ring/own-node.ts'
import { makeOwnRing, type OwnRing } from '../../../../kvs/ring/own-ring.ts'
import { makeVirtualClock } from '../../../../tools/simulator/virtual-clock.ts'
import { makeWorldRingLog } from '../world-connections.ts'
import { applyEntry, type HeldValues, makeWorldLog, type WorldLog } from '../world-log.ts'
import { makeWorldParts } from '../world-parts.ts'

export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A member's log on virtual time, and nodes of it that apply what it has where they are told to. */
export interface LogWithNodes {
  readonly log: WorldLog
  readonly clock: Clock
  /** Appends an entry on the ring. */
  bind(ring: Ring, owns: SlotRanges): void
  /** Appends an entry that gives the key a value. */
  put(key: string, value?: string): void
  startNode(): LogNode
  /** Runs until the promise settles, for at most two virtual minutes. */
  settle<T>(promise: Promise<T>): Promise<T>
  pass(ms: number): Promise<void>
}

export interface LogNode {
  readonly own: OwnRing
  /** Its methods may be replaced. */
  readonly node: { -readonly [Method in keyof OwnNode]: OwnNode[Method] }
  readonly ringLog: RingLog
  readonly clock: Clock
  readonly held: HeldValues
  /** Applies all that the log has. */
  applyAll(): void
}

export function makeLogWithNodes(address: string): LogWithNodes {
  const parts = makeWorldParts(1)
  const { scheduler } = parts
  const lane = scheduler.lane()
  const clock = makeVirtualClock(scheduler, lane)
  const log = makeWorldLog({ id: 'beef-log', now: () => scheduler.now, onEntry: () => undefined })

  function startNode(): LogNode {
    const own = makeOwnRing(address, silent)
    const held: HeldValues = new Map()
    let applied = 0
    const keysIn = (slots: SlotRanges) => [...held.keys()].filter((key) => hasSlot(slots, slotOf(key)))

    function applyAll(): void {
      for (const entry of log.entries.slice(applied)) {
        applied++
        applyEntry(held, log.id, entry)
        if (entry.kind === 'ring') own.note(entry)
      }
    }

    const node: OwnNode = {
      requireReadable: () => undefined,
      logId: () => log.id,
      session: () => 1,
      sequence: () => BigInt(applied),
      noWritesReason: () => undefined,
      waitFor: async () => applyAll(),
      waitForHead: async () => applyAll(),
      countKeysIn: async (slots) => keysIn(slots).length,
      keysIn: async (slots) => orderedKeys(keysIn(slots)),
      heldValue: (key) => held.get(key),
      spooled: () => 0,
    }
    applyAll()
    return { own, node: { ...node }, ringLog: makeWorldRingLog(parts, lane, () => log), clock, held, applyAll }
  }

  async function settle<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const end = () => {
      isOver = true
    }
    promise.then(end, end)
    await scheduler.run(() => isOver, scheduler.now + 120_000)
    if (!isOver) throw new Error('no answer after two minutes')
    return promise
  }

  return {
    ...{ log, clock, startNode, settle },
    bind: (ring, owns) => void log.append([{ kind: 'ring', text: formatRingEntry({ ring, self: address, owns }) }]),
    put: (key, value = 'v') => void log.append([{ kind: 'put', key, value }]),
    pass: (ms) => settle(clock.sleep(ms)),
  }
}

export function orderedKeys(texts: Iterable<string>) {
  const keys = makeOrderedKeys()
  for (const text of texts) {
    const bytes = Buffer.from(text)
    keys.add(bytes, 0, bytes.length)
  }
  return keys
}

/** A version of a ring whose home is the member with the lowest position. */
export function ringAt(version: number, positions: Positions, next?: Positions): Ring {
  const [home = ''] = positions.values()
  return { id: 'beef', version, home, positions, next, standbys: [], ...(next && { joining: [] }) }
}
