import { type Client, KvsError, makeClient } from '../clients/typescript/src/index.ts'

/** A lock that this process holds, as long as it renews it. */
export interface Lock {
  readonly key: string
  /**
   * The fencing token: the ETag that the lock has now. It is another one after each renewal. A transaction with the
   * condition that the lock is at this ETag is done only by its holder, however late it arrives.
   */
  readonly token: string
  /** Aborts once the lock is lost: it could not be renewed in time, or somebody else has it. */
  readonly signal: AbortSignal
  /** Gives the lock back, unless it is lost. */
  release(): Promise<void>
}

/**
 * Waits for a lock and takes it. Whoever holds it has it for `ttlMs` at a time, and renews it every third of that, so
 * that a holder that is gone leaves it free.
 * @param holder says who holds the lock, for people who look
 */
export async function acquire(
  client: Client,
  key: string,
  { holder, ttlMs, signal }: { holder: string; ttlMs: number; signal?: AbortSignal },
): Promise<Lock> {
  for (;;) {
    const sentAt = performance.now()
    try {
      const { etag = '' } = await client.put(key, holder, { ifNoneMatch: '*', ttl: ttlMs, signal })
      return hold(client, key, { holder, ttlMs, token: etag, heldUntil: sentAt + ttlMs })
    } catch (error) {
      if (!isRefused(error)) throw error
      await pause(ttlMs * (0.1 + Math.random() / 10), signal)
    }
  }
}

interface Held {
  readonly holder: string
  readonly ttlMs: number
  readonly token: string
  /**
   * Until when this process has the lock. The time counts from before the request, so that the service never lets the
   * lock go before this process knows.
   */
  readonly heldUntil: number
}

function hold(client: Client, key: string, { holder, ttlMs, ...first }: Held): Lock {
  const lost = new AbortController()
  const released = new AbortController()
  let { token, heldUntil } = first

  async function renew(): Promise<void> {
    const sentAt = performance.now()
    const timeoutMs = Math.max(1, heldUntil - sentAt)
    const { etag = '' } = await client.put(key, holder, { ifMatch: token, ttl: ttlMs, timeoutMs })
    token = etag
    heldUntil = sentAt + ttlMs
  }

  async function keep(): Promise<void> {
    while (!released.signal.aborted) {
      await pause(ttlMs / 3, released.signal).catch(() => undefined)
      if (!released.signal.aborted) await renew()
    }
  }

  const keeping = keep().catch((error) => lost.abort(error))
  return {
    key,
    get token() {
      return token
    },
    signal: lost.signal,
    async release() {
      released.abort()
      await keeping
      // It may be another's by now: that one's stays.
      await client.delete(key, { ifMatch: token }).catch((error) => {
        if (!isRefused(error)) throw error
      })
    },
  }
}

export function isRefused(error: unknown): error is KvsError {
  return error instanceof KvsError && error.code === 'condition_failed'
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

/** Adds 1 to a number under the lock, by reading and writing it: without the lock, some would be lost. */
async function countUnderLock(client: Client, lock: Lock, key: string): Promise<number> {
  for (;;) {
    lock.signal.throwIfAborted()
    const next = Number((await client.getText(key)) ?? 0) + 1
    try {
      const condition = { key: lock.key, etag: lock.token }
      await client.transact({ if: [condition], do: [{ put: key, value: String(next) }] })
      return next
    } catch (error) {
      // A renewal came in between, or the lock is lost, which its signal says.
      if (!isRefused(error)) throw error
      await pause(5)
    }
  }
}

async function main([url = '', name = 'job', rounds = '1']: string[]): Promise<void> {
  if (url === '') throw new Error('usage: node examples/lock.ts URL NAME ROUNDS')
  const client = makeClient({ url })
  for (let round = 0; round < Number(rounds); round++) {
    const lock = await acquire(client, `locks/${name}`, { holder: `process ${process.pid}`, ttlMs: 3_000 })
    console.log(`${lock.token} ${await countUnderLock(client, lock, `counts/${name}`)}`)
    await lock.release()
  }
}

if (import.meta.main) await main(process.argv.slice(2))
