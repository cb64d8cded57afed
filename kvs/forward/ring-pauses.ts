import type { Request } from '../http/exchange/index.ts'
import type { RingService } from '../kv/index.ts'

/** News of the ring, for a request that no member takes yet. */
interface News {
  /** How often there was some since it listens. */
  heard(): number
  /** Ends early where the client goes away, or where there is news. */
  pause(request: Request, ms: number): Promise<void>
  /** Listens no more. */
  end(): void
}

export function listenToNews(ring: Pick<RingService, 'onNews'>): News {
  let heard = 0
  let pausing: AbortController | undefined
  const end = ring.onNews(() => {
    heard++
    pausing?.abort()
  })
  return {
    heard: () => heard,
    async pause(request, ms) {
      const over = new AbortController()
      pausing = over
      request.resource = { release: () => over.abort() }
      await request.clock.sleep(ms, over.signal)
      request.resource = undefined
    },
    end,
  }
}
