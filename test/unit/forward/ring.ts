import { onTestFinished } from 'vitest'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { makeRingRouting, type RingRoutingOptions } from '../../../kvs/forward/ring-routing.ts'
import { makeTarget } from '../../../kvs/forward/target.ts'
import { makeLogger } from '../../../kvs/logger/logger.ts'
import { makeRequest } from '../http/fake-request.ts'
import { serve } from '../http/serve.ts'

const self = '127.0.0.1:1'
const logger = makeLogger({ level: 'silent', format: 'json', isTerminal: false })

/** What a node knows of a ring, for tests to change. Keys that `owners` lacks are its own. */
export function makeFakeRing(...members: string[]) {
  const fake = {
    self,
    version: 'cafe=1',
    owners: new Map<string, string[]>(),
    learned: [] as string[],
    /** What it learns. */
    learns: () => {},
    current: () => (fake.version === '' ? undefined : ({ id: 'cafe', home: 'home:1' } as Ring)),
    versionText: () => fake.version,
    owns: (key: string) => !fake.owners.has(key),
    ownersOf: (key: string) => fake.owners.get(key) ?? [self],
    members: () => [self, ...members],
    async learnFrom(address: string) {
      fake.learned.push(address)
      fake.learns()
    },
    listeners: new Set<() => void>(),
    onNews(callback: () => void) {
      fake.listeners.add(callback)
      return () => void fake.listeners.delete(callback)
    },
  }
  return fake
}

export function makeTestRouting(ring: RingRoutingOptions['ring'], options: Partial<RingRoutingOptions> = {}) {
  const { timeoutMs = 10_000 } = options
  const routing = makeRingRouting({
    ...{ ring, timeoutMs, waitTimeoutMs: 10_000, logger },
    targetOf: (address) => makeTarget({ address, tls: undefined, timeoutMs, logger }),
    ...options,
  })
  onTestFinished(() => routing.stop())
  return routing
}

/** A node over a fake store and a fake ring. */
export async function serveMember(
  ring: ReturnType<typeof makeFakeRing>,
  {
    routing: options,
    ...served
  }: Omit<NonNullable<Parameters<typeof serve>[0]>, 'routing'> & {
    routing?: Partial<RingRoutingOptions>
  } = {},
) {
  const routing = makeTestRouting(ring, options)
  return { ...(await serve({ ...served, routing })), routing }
}

/** A request whose client can go away. */
export function makeLeaving(method: string, target: string, headers: string[] = [], body?: string) {
  const request = makeRequest(method, target, headers, body)
  function leave(): void {
    Object.assign(request, { isOver: true })
    request.resource?.release()
  }
  return { request, leave }
}
