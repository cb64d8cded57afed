import { makeClient } from '../clients/typescript/src/index.ts'
import { acquire } from './lock.ts'

/** How long nobody leads, at most, after a leader is killed. */
const ttlMs = 1_500

/** Leads until the signal aborts. It is given the fencing token for what only the leader may do. */
async function lead(token: string, signal: AbortSignal): Promise<void> {
  console.log(`${process.pid} leads with ${token}`)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  console.log(`${process.pid} leads no more`)
}

/** Stands for election again and again, until told to stop; then the next one leads at once. */
async function main([url = '', name = 'service']: string[]): Promise<void> {
  if (url === '') throw new Error('usage: node examples/leader.ts URL NAME')
  const client = makeClient({ url })
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopping.abort(new Error('told to stop')))
  console.log(`${process.pid} stands for election`)
  while (!stopping.signal.aborted) {
    const holder = `process ${process.pid}`
    const lock = await acquire(client, `leaders/${name}`, { holder, ttlMs, signal: stopping.signal }).catch((error) => {
      if (stopping.signal.aborted) return undefined
      throw error
    })
    if (lock === undefined) return
    await lead(lock.token, AbortSignal.any([lock.signal, stopping.signal]))
    await lock.release()
  }
}

if (import.meta.main) await main(process.argv.slice(2))
