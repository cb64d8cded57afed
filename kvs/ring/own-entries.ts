import { KvsError } from '../core/errors.ts'
import { positionAt } from '../core/position.ts'
import type { RingEntry } from '../core/ring/description.ts'
import { formatRingEntry } from '../core/ring/ring-text.ts'
import { type SlotRanges, slotsWithout } from '../core/ring/slot-ranges.ts'
import { askedOfLog, type RingLog } from '../log/index.ts'
import type { OwnNode } from './own-node.ts'
import { conflict, type OwnRing } from './own-ring.ts'

export interface OwnEntriesParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly ringLog: Pick<RingLog, 'append' | 'getReady' | 'disconnect'>
}

/** What is to be appended: the entry, by the newest one there is. Undefined where nothing is to be. */
export type Plan = (bound: RingEntry | undefined) => RingEntry | undefined

/** The entries on the ring that this node appends to its own log. */
export interface OwnEntries {
  /**
   * Appends what is planned by what the log has then. On return this node has applied it. Rejects where that can't be.
   * @param isEmptied whether the slots that the entry takes from the log may have no key there
   */
  append(plan: Plan, options?: { readonly isEmptied?: boolean }): Promise<void>
  /** Has the log be ready for an entry that may be soon. Never rejects. */
  getReady(): void
}

/** How often an append may be overtaken. A log that takes a ring's entries one after the other is at fault. */
const mostTries = 100

export function makeOwnEntries({ own, node, ringLog }: OwnEntriesParts): OwnEntries {
  let last: Promise<unknown> = Promise.resolve()
  let underWay = 0
  let connectedIn: number | undefined

  /** Entries go to the server that the node follows: a connection from before may be to the one that it has left. */
  function leaveEarlierServer(): void {
    if (connectedIn !== node.session()) ringLog.disconnect()
    connectedIn = node.session()
  }

  async function appendNow(...[plan, { isEmptied = false } = {}]: Parameters<OwnEntries['append']>): Promise<void> {
    for (let tries = 1; ; tries++) {
      await node.waitForHead()
      leaveEarlierServer()
      // Both are as of the same moment, or the log refuses the entry.
      const seen = node.sequence()
      const entry = plan(own.bound)
      if (entry === undefined) return
      const vacated = isEmptied ? slotsWithout(own.owns, entry.owns) : []
      await requireEmpty({ own, node }, vacated)
      const text = formatRingEntry(entry)
      const end = await askedOfLog(ringLog.append(text, seen, vacated))
      if (end !== undefined) return applied(end.sequence, text)
      // What it was overtaken by may be on a server that the node does not follow.
      ringLog.disconnect()
      if (tries === mostTries) conflict(`${own.self} is being written to, or changed by somebody else, all the time`)
    }
  }

  /** Rejects where the node can't see the entry: two servers may take themselves for the one that holds the log. */
  async function applied(sequence: bigint, text: string): Promise<void> {
    const isBound = () =>
      own.boundAt > sequence ||
      (own.boundAt === sequence && own.bound !== undefined && formatRingEntry(own.bound) === text)
    try {
      await node.waitFor(positionAt(node.logId(), sequence))
      // After a reconnect, the node goes by it once it has caught up.
      if (!isBound()) await node.waitForHead()
      if (isBound()) return
    } catch (error) {
      ringLog.disconnect()
      throw error
    }
    ringLog.disconnect()
    throw new KvsError('log_down', `the log that ${own.self} follows lacks the entry ${sequence}, which a server took`)
  }

  return {
    append(...entry) {
      underWay++
      const done = last.then(() => appendNow(...entry)).finally(() => underWay--)
      last = done.catch(() => undefined)
      return done
    },
    getReady() {
      if (underWay > 0) return
      leaveEarlierServer()
      ringLog.getReady()
    },
  }
}

/** @throws KvsError ring_conflict */
export async function requireEmpty(
  { own, node }: Pick<OwnEntriesParts, 'own' | 'node'>,
  vacated: SlotRanges,
): Promise<void> {
  if (vacated.length === 0) return
  const keys = await node.countKeysIn(vacated)
  if (keys === 0) return
  const what = keys === 1 ? '1 key' : `${keys} keys`
  const advice = `form the ring with ${own.self} alone, and add the others then`
  conflict(`${own.self} has ${what} of others’ slots, and a node that joins has none: ${advice}`)
}
