import { onTestFinished } from 'vitest'
import { type Conditions, startProxy as startAnyProxy } from '../../tools/lab/network/proxy.ts'

/** A way to Postgres's socket over TCP that a test can cut. */
export interface Proxy {
  readonly port: number
  /** Nothing passes any more, and nobody is told: packets are dropped. */
  blackhole(): void
  /** What is sent to Postgres is held back, as where packets are lost and sent again: it arrives with `release`. */
  hold(): void
  /** What Postgres sends is held back in the same way: it does what it is asked, and nobody hears of it. */
  deafen(): void
  release(): void
  /** Every connection is reset, and new ones are. */
  cut(): void
  /** What was lost stays lost. */
  heal(): void
}

export async function startProxy(socketPath: string, conditions: Conditions = {}): Promise<Proxy> {
  const proxy = await startAnyProxy({ host: '127.0.0.1', port: 0 }, { path: socketPath })
  onTestFinished(() => proxy.close())
  proxy.set(conditions)
  return {
    port: proxy.port,
    blackhole: () => proxy.set({ ...conditions, holds: 'both' }),
    hold: () => proxy.set({ ...conditions, holds: 'up' }),
    deafen: () => proxy.set({ ...conditions, holds: 'down' }),
    release: () => proxy.set(conditions),
    cut: () => proxy.set({ ...conditions, isCut: true }),
    heal() {
      proxy.reset()
      proxy.set(conditions)
    },
  }
}
