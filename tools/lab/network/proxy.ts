import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { makeSeededRandom } from '../seeded-random.ts'
import { makePump, type Pump } from './pump.ts'

export interface Conditions {
  readonly latencyMs?: number
  /** Up to so much more, anew for each piece. */
  readonly jitterMs?: number
  /** Each way; without it, as fast as it goes. */
  readonly bytesPerSecond?: number
  /** Nothing comes through; what was sent arrives when that has ended, as it does after packets were lost. */
  readonly holds?: 'both' | 'up' | 'down'
  /** Connections are ended, and new ones at once. */
  readonly isCut?: boolean
}

/** A TCP proxy whose network can be made bad. */
export interface Proxy {
  readonly port: number
  set(conditions: Conditions): void
  reset(): void
  close(): Promise<void>
}

export async function startProxy(listen: { host: string; port: number }, upstream: NetConnectOpts): Promise<Proxy> {
  const random = makeSeededRandom(listen.port, 'proxy')
  const pairs = new Set<{ ends: readonly Socket[]; pumps: readonly Pump[] }>()
  let conditions: Conditions = {}

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (down) => {
    if (conditions.isCut) return void down.resetAndDestroy()
    const up = connect({ noDelay: true, allowHalfOpen: true, ...upstream })
    const pumps = [
      makePump({ from: down, to: up, way: 'up', conditions: () => conditions, random }),
      makePump({ from: up, to: down, way: 'down', conditions: () => conditions, random }),
    ]
    const pair = { ends: [down, up], pumps }
    pairs.add(pair)
    for (const end of pair.ends) {
      end.on('error', () => undefined)
      end.on('close', () => {
        if (down.destroyed && up.destroyed) pairs.delete(pair)
      })
    }
  })
  await listening(server, listen)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')

  function reset(): void {
    for (const { ends } of pairs) for (const end of ends) abandon(end)
  }

  return {
    port: address.port,
    set(next) {
      conditions = next
      if (next.isCut) reset()
      for (const { pumps } of pairs) for (const pump of pumps) pump.wake()
    },
    reset,
    async close() {
      reset()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/**
 * Only TCP has a reset, and Node 26 loses the handle of a socket that is reset while its end is being sent: the process
 * would spin for ever when it ends.
 */
function abandon(end: Socket): void {
  if (end.remoteAddress === undefined || end.writableEnded) end.destroy()
  else end.resetAndDestroy()
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}
