import type { AskedCopy, LogCopy } from '../../../../kvs/kv/index.ts'
import { type CopiesSettings, makeCopies } from '../../../../kvs/sites/copies/copy-waits.ts'
import { makeLogger } from '../fixtures.ts'
import { makeManualClock } from '../manual-clock.ts'

export interface Asked extends AskedCopy {
  readonly address: string
  readonly signal: AbortSignal
  /** @param stamp that of the own log's entry, where it is left out; null for none */
  answer(holder: string, sequence: bigint, stamp?: number | null): void
  fail(error: Error): void
}

/** Copies at the site `here`, whose requests a test answers; members are addresses. */
export function makeCopiesGroup(addresses: readonly string[], settings: Partial<CopiesSettings> = {}) {
  const time = makeManualClock()
  const stopping = new AbortController()
  const open: Asked[] = []
  const { told, logger } = makeLogger()
  const listeners = new Set<() => void>()
  const group = { members: [...addresses], isRemoved: false, asks: 0, most: 0 }
  /** The own log. Its entries have their sequence as stamp, and it ends where a test says so. */
  const log = { end: 1_000_000n, session: 1, readers: 0, open: 0, failure: undefined as Error | undefined }
  const underWay = new Map<string, number>()

  function askCopy(address: string, asked: AskedCopy, signal: AbortSignal): Promise<LogCopy> {
    group.asks++
    const now = (underWay.get(address) ?? 0) + 1
    underWay.set(address, now)
    group.most = Math.max(group.most, now)
    const { promise, resolve, reject } = Promise.withResolvers<LogCopy>()
    const end = () => {
      underWay.set(address, (underWay.get(address) ?? 0) - 1)
      open.splice(open.indexOf(one), 1)
    }
    const one: Asked = {
      ...{ ...asked, address, signal },
      answer(holder, sequence, stamp = Number(sequence)) {
        end()
        resolve({ holder, sequence, stamp: stamp ?? undefined })
      },
      fail(error) {
        end()
        reject(error)
      },
    }
    open.push(one)
    signal.addEventListener('abort', () => {
      if (open.includes(one)) one.fail(signal.reason)
    })
    return promise
  }

  const copies = makeCopies({
    ...{ wanted: 2, timeoutMs: 10_000, stopMs: 1_000, ...settings },
    set: {
      others: () => group.members,
      get isRemoved() {
        return group.isRemoved
      },
      onChange(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    site: { logId: () => 'here', session: () => log.session },
    async openReader() {
      if (log.failure) throw log.failure
      log.readers++
      log.open++
      return {
        logId: 'here',
        stampAt: async (sequence) => (sequence > 0n && sequence <= log.end ? Number(sequence) : undefined),
        close: async () => void log.open--,
      }
    },
    connect: (address) => ({ askCopy: (asked, signal) => askCopy(address, asked, signal) }),
    ...{ stopping: stopping.signal, logger, clock: time.clock, random: { fraction: () => 1 } as never },
  })

  return {
    ...{ time, stopping, open, told, group, log, copies },
    /** Begins a wait; `count` is undefined as long as it goes on. */
    wait(sequence: bigint, elapsedMs = 0) {
      const { done, cancel } = copies.wait(sequence, elapsedMs)
      const waited = { count: undefined as number | undefined, cancel }
      void done.then((count) => {
        waited.count = count
      })
      return waited
    },
    /** Lets the turn of the event loop end, in which requests are sent and answers taken. */
    turn: async () => {
      for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    },
    askTo: (address: string) => open.find((one) => one.address === address),
    changeMembers(...members: string[]) {
      group.members = members
      for (const listener of [...listeners]) listener()
    },
  }
}
