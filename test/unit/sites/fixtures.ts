import type { Entry, ForeignEntry, Write } from '../../../kvs/core/entry.ts'
import type { Position } from '../../../kvs/core/position.ts'
import type { Rank } from '../../../kvs/core/rank.ts'
import type { DeletedKey, LandedBatch, LogImport } from '../../../kvs/log/index.ts'
import { makeAppliedEntries } from '../../../kvs/replica/applied-entries.ts'
import type { Frame } from '../../../kvs/sites/frames/frame.ts'
import { makeFrameReader } from '../../../kvs/sites/frames/frame-reader.ts'
import type { OwnSite } from '../../../kvs/sites/index.ts'
import type { PeerClient } from '../../../kvs/sites/peer-client.ts'
import type { OpenFeed } from '../../../kvs/sites/pull.ts'
import { makeView } from '../../../kvs/view/index.ts'

export const limits = { maxBatchEntries: 20_000, maxBatchBytes: 1e8, maxValueBytes: 1e7 }

export const put = (key: string, value = 'v'): Write => ({
  ...{ kind: 'put', key, value: Buffer.from(value), contentType: undefined, deadline: undefined },
})

export function foreign(logId: string, sequence: number, options: Partial<ForeignEntry> = {}): ForeignEntry {
  const origin = { logId, sequence: BigInt(sequence) }
  return { origin, stamp: sequence * 1_000, superseded: false, write: put(`${logId}${sequence}`), ...options }
}

export const at = (sequences: Record<string, number>): Position => ({
  sequences: new Map(Object.entries(sequences).map(([logId, sequence]) => [logId, BigInt(sequence)])),
  stamp: 0,
})

/** Deletes of a view that are remembered among the ranks of keys, and hidden as soon as they are forgotten. */
function makeDeletes(ranks: Record<string, Rank>) {
  const deletes = {
    count: 1,
    forgotten: 0,
    highestStamp: Number.MAX_SAFE_INTEGER,
    forget(through: number) {
      deletes.forgotten = through
    },
    remember(key: string, rank: Rank) {
      ranks[key] = rank
    },
  }
  return deletes
}

/** A view that has at once what this node appends, until it is held up; a test moves it on by hand. */
export function makeOwnSite(ranks: Record<string, Rank> = {}) {
  const listeners = new Set<() => void>()
  let sequence = 0n
  let refusal: Error | undefined
  const deletes = makeDeletes(ranks)
  const applied = makeAppliedEntries()
  const landed: LandedBatch[] = []
  let isHeldUp = false
  let tails = 0
  function advance(to: bigint): void {
    sequence = to
    for (const listener of [...listeners]) listener()
  }
  const site: OwnSite = {
    requireReadable() {
      if (refusal) throw refusal
    },
    logId: () => 'here',
    waitFor: async () => undefined,
    sequence: () => sequence,
    onAdvance(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    rankOf: (key) => ranks[key],
    seen: () => at({}),
    lastOf: () => ({ sequence: 0n, stamp: undefined }),
    session: () => 1,
    readApplied: () => applied.follow(sequence),
    requestTail() {
      tails++
    },
    noteLanded(batch) {
      landed.push(batch)
      if (!isHeldUp) advance(batch.end.sequence)
    },
    puts: () => makeView(),
    inSlices: async () => undefined,
    deletes: () => deletes,
    now: () => 1_000,
  }
  return {
    site,
    ranks,
    deletes,
    get listeners() {
      return listeners.size
    },
    advance: (to: number) => advance(BigInt(to)),
    holdUp() {
      isHeldUp = true
    },
    /** Tells readers of entries that the view has applied. It is moved on afterwards. */
    apply(...entries: readonly Entry[]) {
      for (const entry of entries) applied.note(entry)
    },
    /** What the view was told of. */
    landed,
    /** How often it was to read the log. */
    get tails() {
      return tails
    },
    refuse(error: Error | undefined) {
      refusal = error
    },
  }
}

/** The import of a log whose appends a test lets land or fail; they are done at once as long as it has not asked. */
export function makeImport(logId = 'here', position: Position = at({})) {
  const lost = Promise.withResolvers<Error>()
  const appended: { readonly entries: readonly ForeignEntry[]; readonly seen: bigint }[] = []
  const held: PromiseWithResolvers<void>[] = []
  const sequences = new Map(position.sequences)
  const deletes: DeletedKey[] = []
  const reads: [after: bigint, through: bigint][] = []
  let isHolding = false
  let end = 0n
  let forgotten = 0
  const target: LogImport = {
    logId,
    get position() {
      return { sequences: new Map(sequences), stamp: 0 }
    },
    lastStampOf: () => 5,
    lost: lost.promise,
    async append(entries, seen) {
      appended.push({ entries, seen })
      if (isHolding) {
        const gate = Promise.withResolvers<void>()
        held.push(gate)
        await gate.promise
      }
      for (const { origin } of entries) sequences.set(origin.logId, origin.sequence)
      end += BigInt(entries.length)
      return { sequence: end, digest: Buffer.alloc(0), recordedAt: 0, stamp: 0, comesAfter: () => true }
    },
    get forgotten() {
      return forgotten
    },
    async forget(through) {
      forgotten = Math.max(forgotten, through)
    },
    async readDeletes(after, through) {
      reads.push([after, through])
      // In two parts
      const reached = after === 0n && through > 1n ? through / 2n : through
      return { reached, deletes: after === 0n ? deletes : [] }
    },
    askHead: async () => ({ sequence: end, digest: Buffer.alloc(0) }),
    close: async () => lost.resolve(new Error('closed')),
  }
  return {
    target,
    appended,
    /** What the log has of them, and where it was read for them. */
    deletes,
    reads,
    /** Others append so many entries. */
    others(count: number) {
      end += BigInt(count)
    },
    lose: () => lost.resolve(new Error('the connection is lost')),
    hold() {
      isHolding = true
    },
    land: () => held.shift()?.resolve(),
    fail: (error: Error) => held.shift()?.reject(error),
    /** What landed, `LOGID@SEQUENCE` each. */
    get names() {
      return appended.map(({ entries }) => entries.map(({ origin }) => `${origin.logId}@${origin.sequence}`).join(' '))
    },
  }
}

export const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

export function framesIn(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = []
  const reader = makeFrameReader(limits)
  for (const chunk of chunks) reader.push(chunk, (frame) => frames.push(frame))
  return frames
}

export function makeLogger() {
  const told: string[] = []
  const note = (message: string) => void told.push(message)
  return { told, logger: { info: note, warn: note, error: note } }
}

/** A client of another site's node that only opens feeds. */
export function clientOf(open: OpenFeed): PeerClient {
  const none = () => Promise.reject(new Error('only feeds are opened'))
  return { open, askPosition: none, askCopy: none, rejoin: none, askDigests: none, askUnlike: none }
}
