import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A way to Postgres's socket over TCP that a test can cut. */
export interface Proxy {
  readonly port: number
  /** Nothing passes any more, and nobody is told: packets are dropped. */
  blackhole(): void
  /** Every connection is reset, and new ones are. */
  cut(): void
  heal(): void
}

export interface ProxyOptions {
  /** How much later each piece arrives. */
  readonly delayMs?: number
  /** What it carries towards Postgres. */
  readonly bytesPerMs?: number
  /** And back. */
  readonly bytesPerMsBack?: number
}

export async function startProxy(
  socketPath: string,
  { delayMs = 0, bytesPerMs = Infinity, bytesPerMsBack = Infinity }: ProxyOptions = {},
): Promise<Proxy> {
  const clients = new Set<Socket>()
  let mode: 'open' | 'hole' | 'cut' = 'open'

  const server = createServer((client) => {
    if (mode === 'cut') return void client.resetAndDestroy()
    const upstream = connect(socketPath)
    clients.add(client)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (data) => {
        const ms = delayMs + data.length / (from === client ? bytesPerMs : bytesPerMsBack)
        if (mode === 'hole') return
        if (ms === 0) return void to.write(data)
        from.pause()
        setTimeout(() => {
          to.write(data)
          from.resume()
        }, ms)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        clients.delete(client)
        if (mode !== 'hole') to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const destroyAll = () => {
    for (const client of clients) client.resetAndDestroy()
  }
  onTestFinished(() => {
    destroyAll()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    blackhole() {
      mode = 'hole'
    },
    cut() {
      mode = 'cut'
      destroyAll()
    },
    heal() {
      mode = 'open'
      destroyAll() // what was lost in the hole stays lost
    },
  }
}
