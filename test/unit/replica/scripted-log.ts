import { expect, onTestFinished } from 'vitest'
import type { BatchEnd, Entry, Write } from '../../../kvs/core/entry.ts'
import { type LogSession, Unavailable } from '../../../kvs/log/log.ts'
import { makeReplica } from '../../../kvs/replica/replica.ts'
import type { ReplicaOptions } from '../../../kvs/replica/replica-options.ts'
import type { Spool } from '../../../kvs/spool/index.ts'
import { entryOf } from '../../support/entries.ts'

/** A log in memory that others append to; what a node appends does as `append` says. */
export function makeScriptedLog() {
  const entries: Entry[] = []
  const end = (): BatchEnd => {
    const { digest, recordedAt, stamp } = entries.at(-1) ?? { digest: Buffer.of(), recordedAt: 0, stamp: 0 }
    return { sequence: BigInt(entries.length), digest, recordedAt, stamp }
  }
  const log = {
    isDown: false,
    /** What each session was asked for, in order. */
    calls: [] as string[][],
    lose: (): void => undefined,
    end,
    add: (write: Write) => entries.push(entryOf(BigInt(entries.length + 1), write)),
    now: (): number | undefined => undefined,
    append: async (): Promise<BatchEnd> => Promise.reject(new Error('not here')),
    async open(): Promise<LogSession> {
      if (log.isDown) throw new Unavailable('down')
      const { promise: lost, resolve } = Promise.withResolvers<Error>()
      log.lose = () => resolve(new Unavailable('lost'))
      const calls: string[] = []
      const session = {
        head: { logId: 'cafe0123', sequence: end().sequence, entries: end().sequence, adoptedThrough: 0n },
        description: 'memory',
        lost,
        committed: { number: 0n, end: end() },
        holds: async () => true,
        loadCheckpoint: async () => undefined,
        replay: async () => undefined,
        read: async (after: bigint) => entries.slice(Number(after)),
        askHead: async () => end(),
        onOthersAppended: () => undefined,
        append: () => log.append(),
        appendSpooled: () => log.append(),
        appendConditional: async () => ({ verdicts: [], end: await log.append() }),
        seeRing: async () => undefined,
        close: async () => log.lose(),
      }
      log.calls.push(calls)
      return new Proxy(session, {
        get(of, name: keyof typeof session) {
          if (typeof of[name] === 'function') calls.push(name)
          return of[name]
        },
      })
    },
  }
  return log
}

/** Starts a replica on the log, with the spool if there is one, and waits until it serves. Stops it after the test. */
export async function startReplica(
  log: ReturnType<typeof makeScriptedLog>,
  spool?: Spool,
  options: Partial<ReplicaOptions> = {},
) {
  const quiet = () => undefined
  const store = makeReplica({
    log,
    onReplayed: quiet,
    spool,
    spooling: { on: spool !== undefined, reason: null, maxBytes: 1e9 },
    limits: { maxWrites: 100, maxBytes: 1e9, timeoutMs: 60_000, graceMs: 0 },
    connectTimeoutMs: undefined,
    tailIntervalMs: 20,
    waitTimeoutMs: 2_000,
    maxLagMs: 1_000,
    logger: { info: quiet, warn: quiet, error: quiet },
    ...options,
  })
  const running = store.run()
  onTestFinished(async () => {
    await store.stop()
    await running
  })
  await expect.poll(() => store.status().state).toBe('serving')
  return store
}
