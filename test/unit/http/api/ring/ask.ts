import type { Routing } from '../../../../../kvs/http/api/routing.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { serve } from '../../serve.ts'

/** A server of a node that may be a member of a ring, and a client of the dialect, which posts forms. */
export async function serveRing(options: Parameters<typeof serve>[0] = {}, ring = makeFakeRing()) {
  const server = await serve({ ring, ...options })
  const ask = async (
    method: string,
    path: string,
    body?: string | Record<string, string>,
  ): Promise<[number, string]> => {
    const sent = typeof body === 'object' ? new URLSearchParams(body) : body
    const answer = await fetch(`${server.url}${path}`, { method, ...(sent !== undefined && { body: sent }) })
    return [answer.status, await answer.text()]
  }
  const get = (path: string) => ask('GET', path)
  return { ...server, ring, ask, get, post: (path: string, body: Record<string, string>) => ask('POST', path, body) }
}

/** Routing that notes what it is asked, and answers as `act` says: with `local` where that is not given. */
export function makeFakeRouting(act?: Routing['answer']) {
  const asked: { method: string; target: string; keys: readonly string[]; body: string | undefined }[] = []
  const routing: Routing = {
    answer(request, keys, local, body) {
      asked.push({ method: request.method, target: request.target, keys, body: body?.toString('latin1') })
      return act === undefined ? local() : act(request, keys, local, body)
    },
    partsFor: async () => undefined,
    waitTimeoutMs: 1_000,
  }
  return { ...routing, asked }
}
