import type { BatchEnd, Write } from '../../../kvs/core/entry.ts'
import { KvsError } from '../../../kvs/core/errors.ts'
import { isExpiry, setsValue } from '../../../kvs/core/operation/operation.ts'
import type { KeyListing, Kv } from '../../../kvs/kv/index.ts'
import { type Log, type LogSession, Undecided } from '../../../kvs/log/index.ts'
import type { Spool, SpoolStorage } from '../../../kvs/spool/index.ts'
import type { Plants } from '../../../tools/simulator/plants.ts'
import type { VirtualClock } from '../../../tools/simulator/virtual-clock.ts'

export interface PlantedFault {
  /** What the node does. */
  readonly name: string
  /** The broken part in the place of the node's own. */
  readonly plants: Plants
  /** One of the violations that it leads to. */
  readonly sentence: RegExp
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'acknowledges before the commit',
    plants: { kv: acknowledgesEarly },
    sentence: /was acknowledged and is not in the log|overwrites entry/,
  },
  {
    name: 'drops its spool in a crash',
    plants: { storage: acknowledgesBeforeFlush },
    sentence: /was acknowledged and is not in the log/,
  },
  {
    name: 'applies past an unresolved batch',
    plants: { log: (log, clock) => withSessions(log, (session) => appliesUnresolved(session, clock)) },
    sentence: /is log diverged|was said to be entry/,
  },
  {
    name: 'ignores superseded',
    plants: { log: (log) => withSessions(log, ignoresSuperseded) },
    sentence: /where the log says|which is no state/,
  },
  {
    name: 'skips an entry while tailing',
    plants: { log: (log) => withSessions(log, skipsEntries) },
    sentence: /where the log says/,
  },
  {
    name: 'decides a condition on a stale view',
    plants: { log: (log) => withSessions(log, decidesOnStaleView) },
    sentence: /landed as entry \d+ under If-/,
  },
  {
    name: 'forgets to renumber after a resend',
    plants: { log: sendsUnderNewNumbers },
    sentence: /is in the log twice/,
  },
  {
    name: 'acknowledges an in-doubt batch that can still land',
    plants: { log: forgetsThatBatchesMayLand },
    sentence: /overwrites entry/,
  },
  {
    name: 'records expiries whatever the key has by then',
    plants: { log: (log) => withSessions(log, expiresUnconditionally) },
    sentence: /is an expiry that takes away|with no value,/,
  },
  {
    name: 'forgets deadlines when it is started',
    plants: { log: (log) => withSessions(log, forgetsDeadlines) },
    sentence:
      /shows what had ended before|has what ended before|takes away|landed as entry|no value,|where the log says/,
  },
  {
    name: 'judges deadlines by a clock that is ahead',
    plants: { log: (log) => ({ ...log, now: () => aheadOf(log.now()) }) },
    sentence: /where the log says|is wrong: no delete/,
  },
  {
    name: 'judges deadlines by the clock as it was when it was connected',
    plants: { log: standsStill },
    sentence: /shows what had ended before|has what ended before/,
  },
  {
    name: 'does not note in its lists what another node has superseded',
    plants: { spool: missesSuperseded },
    sentence: /a list of .* against what get shows in the same moment/,
  },
  {
    name: 'misses in its lists a key that is removed and put again while the keys are put in order',
    plants: { kv: missesKeysPutAgain },
    sentence: /a list of .* lacks .* against what get shows in the same moment/,
  },
  {
    name: 'applies a page that ends inside of a transaction',
    plants: { log: (log) => withSessions(log, endsBatchesWithPages) },
    sentence: /a list of accounts .* comes to -?\d+, and transfers leave 0/,
  },
  {
    name: 'does a half of a transaction',
    plants: { kv: doesHalf },
    sentence: /is a part of no whole transfer/,
  },
  {
    name: 'does a transaction in two pieces',
    plants: { kv: doesInPieces },
    sentence: /is a part of no whole transfer|comes to -?\d+, and transfers leave 0/,
  },
  {
    name: 'loses a count that builds on another one',
    plants: { log: (log) => withSessions(log, losesFoldedCounts) },
    sentence: /entry \d+ makes -?\d+ of -?\d+ and -?\d+/,
  },
]

type Breaking = (session: LogSession) => Partial<LogSession>

/** What a session has as getters stays as it is, unless the broken part has it too. */
function withSessions(log: Log, breaking: Breaking): Log {
  return {
    ...log,
    async open() {
      const session = await log.open()
      const broken = breaking(session)
      return new Proxy(session, { get: (_, name) => Reflect.get(Object.hasOwn(broken, name) ? broken : session, name) })
    },
  }
}

/** A write is shown and acknowledged at once, and reaches the log a little later. There are no lists of that. */
function acknowledgesEarly(kv: Kv, clock: VirtualClock): Kv {
  const early = new Map<string, Write>()
  const refuse = () => Promise.reject(new KvsError('not_ready'))
  return {
    ...kv,
    ...{ listKeys: refuse, listValues: refuse, countKeys: refuse },
    get(key) {
      const found = kv.get(key)
      const write = early.get(key)
      if (write === undefined) return found
      if (!setsValue(write)) return undefined
      return { ...write, tag: undefined, modifiedAt: undefined, deadline: write.deadline }
    },
    async write(write) {
      kv.get(write.key) // throws where the node is not ready
      early.set(write.key, write)
      clock.after(50, () => {
        const forget = () => early.get(write.key) === write && early.delete(write.key)
        void kv.write(write).then(forget, forget)
      })
      return 'spooled'
    },
  }
}

/** Says that a change is flushed as soon as it has been asked for. */
function acknowledgesBeforeFlush(storage: SpoolStorage): SpoolStorage {
  return {
    ...storage,
    async change(change) {
      void storage.change(change).catch(() => undefined)
    },
  }
}

/** Takes a batch whose answer is lost for one that has landed. */
function appliesUnresolved(session: LogSession, clock: VirtualClock): Partial<LogSession> {
  return {
    async append(writes, last) {
      const before = session.committed.end
      return session.append(writes, last).catch((error) => {
        if (!(error instanceof Undecided)) throw error
        const sequence = before.sequence + BigInt(writes.length)
        const recordedAt = clock.wallTime()
        return { sequence, digest: before.digest, recordedAt, stamp: recordedAt * 1_000 }
      })
    },
  }
}

function ignoresSuperseded(session: LogSession): Partial<LogSession> {
  return {
    async read(after, through) {
      const page = await session.read(after, through)
      return page.map((entry) => ({ ...entry, superseded: false }))
    },
  }
}

/** Every tenth entry of another node has no effect. */
function skipsEntries(session: LogSession): Partial<LogSession> {
  return {
    async read(after, through) {
      const page = await session.read(after, through)
      return page.map((entry) => (entry.isOwn || entry.sequence % 10n !== 0n ? entry : { ...entry, superseded: true }))
    },
  }
}

/** Tells the log that the decisions are right as of its end, whatever that is. */
function decidesOnStaleView(session: LogSession): Partial<LogSession> {
  return { appendConditional: (decided, _seen, last) => session.appendConditional(decided, 2n ** 52n, last) }
}

/** Tells the log that what has lapsed is decided as of its end, and lands in any case. */
function expiresUnconditionally(session: LogSession): Partial<LogSession> {
  return {
    appendConditional(decided, seen, last) {
      const isOfReaper = decided.every(({ writes }) => writes.every(isExpiry))
      return session.appendConditional(decided, isOfReaper ? 2n ** 52n : seen, last)
    },
  }
}

/** Gives the last entry of a page that goes on a batch of its own, so that the ones before it are applied. */
function endsBatchesWithPages(session: LogSession): Partial<LogSession> {
  return {
    async read(after, through) {
      const page = await session.read(after, through)
      const last = page.at(-1)
      if (last === undefined || last.sequence === through) return page
      return [...page.slice(0, -1), { ...last, digest: Buffer.from(last.digest.toReversed()) }]
    },
  }
}

/** The log gets what a count has built on in its place: the sum without it. The view gets what was decided. */
function losesFoldedCounts(session: LogSession): Partial<LogSession> {
  return {
    appendConditional(decided, seen, last) {
      const before = new Map<string, Write>()
      const told = decided.map((one) => {
        const writes = one.writes.map((write) => (one.builtOn.length > 0 ? (before.get(write.key) ?? write) : write))
        for (const write of writes) if (write.key.startsWith('account-')) before.set(write.key, write)
        return { ...one, writes }
      })
      return session.appendConditional(told, seen, last)
    },
  }
}

/** The second account and the teller's own key get nothing. */
function doesHalf(kv: Kv): Kv {
  return {
    ...kv,
    async transact(transaction) {
      const { position, entries } = await kv.transact({
        ...transaction,
        operations: transaction.operations.slice(0, 1),
      })
      return { position, entries: transaction.operations.map((_, index) => entries[index] ?? (entries[0] as never)) }
    },
  }
}

function doesInPieces(kv: Kv): Kv {
  return {
    ...kv,
    async transact(transaction) {
      const { operations, idempotencyKey } = transaction
      const first = await kv.transact({ ...transaction, operations: operations.slice(0, 1) })
      const rest = { conditions: [], operations: operations.slice(1), idempotencyKey: `${idempotencyKey} again` }
      const second = await kv.transact(rest)
      return { position: second.position, entries: [...first.entries, ...second.entries] }
    },
  }
}

function forgetsDeadlines(session: LogSession): Partial<LogSession> {
  return {
    replay: (after, apply) => session.replay(after, (entry) => apply(Object.assign(entry, { deadline: undefined }))),
    loadCheckpoint: (load, needsTombstones) =>
      session.loadCheckpoint((entry) => load(Object.assign(entry, { deadline: undefined })), needsTombstones),
  }
}

const aheadOf = (now: number | undefined) => (now === undefined ? undefined : now + 200)

/** Takes the time from the last session's begin, and goes on from there only with the next. */
function standsStill(log: Log): Log {
  let now: number | undefined
  return {
    ...log,
    now: () => now,
    async open() {
      const session = await log.open()
      now = log.now()
      return session
    },
  }
}

/**
 * Goes by the last answer that it had, so that a batch which has landed in doubt is sent once more, under new numbers.
 */
function sendsUnderNewNumbers(log: Log): Log {
  let answered: bigint | undefined
  return withSessions(log, (session) => {
    answered ??= session.committed.number
    const note = async <T>(appending: Promise<T>) => {
      const result = await appending
      answered = session.committed.number
      return result
    }
    return {
      append: (writes, last) => note(session.append(writes, last)),
      appendSpooled: (writes, seen) => note(session.appendSpooled(writes, seen)),
      appendConditional: (writes, seen, last) => note(session.appendConditional(writes, seen, last)),
      get committed() {
        return { ...session.committed, number: answered ?? 0n }
      },
    }
  })
}

/** Forgets until when a batch may land whose answer is lost, and gives up on the answer sooner than the log does. */
function forgetsThatBatchesMayLand(log: Log, clock: VirtualClock): Log {
  return withSessions(log, (session) => ({
    append(writes, last) {
      const { promise, reject, resolve } = Promise.withResolvers<BatchEnd>()
      const timer = clock.after(500, () => {
        reject(new Undecided('no answer came in time'))
        void session.close()
      })
      session.append(writes, last).then(resolve, (error) => {
        reject(error instanceof Undecided ? new Undecided(error.message, { cause: error.cause }) : error)
      })
      return promise.finally(() => timer.cancel())
    },
  }))
}

/** Tells of no change that comes from another node's entry. */
function missesSuperseded(spool: Spool): Spool {
  let isSuperseding = false
  const broken: Partial<Spool> = {
    onChange: (act) =>
      spool.onChange((key) => {
        if (!isSuperseding) act(key)
      }),
    supersede(entry) {
      isSuperseding = true
      spool.supersede(entry)
      isSuperseding = false
    },
  }
  return new Proxy(spool, { get: (_, name) => Reflect.get(Object.hasOwn(broken, name) ? broken : spool, name) })
}

/** Takes a key that is deleted while a list waits for one that has no value, whatever is put later. */
function missesKeysPutAgain(kv: Kv): Kv {
  const waiting = new Set<Set<string>>()
  return {
    ...kv,
    async write(write) {
      const stored = await kv.write(write)
      if (!setsValue(write)) for (const removed of waiting) removed.add(write.key)
      return stored
    },
    async listKeys(query) {
      const removed = new Set<string>()
      waiting.add(removed)
      const listing = await kv.listKeys(query).finally(() => waiting.delete(removed))
      return without(listing, removed)
    },
  }
}

function without(listing: KeyListing, removed: ReadonlySet<string>): KeyListing {
  return {
    position: listing.position,
    owns: listing.owns,
    take: (most) => listing.take(most).filter((key) => !removed.has(key.toString())),
    get hasMore() {
      return listing.hasMore
    },
    close: listing.close,
  }
}
