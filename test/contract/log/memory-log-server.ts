import { randomUUID } from 'node:crypto'
import { systemClock } from '../../../kvs/lib/clock.ts'
import {
  type Fate,
  type Link,
  type Message,
  makeMemoryLog,
  makeMemoryRingLog,
  makeMemoryServer,
  makeMemorySiteLog,
  type Network,
} from '../../../kvs/log/memory/index.ts'
import type { FaultyNetwork, LogServer } from './log-server.ts'

export async function makeMemoryLogServer(): Promise<LogServer> {
  let clockIsBackMs = 0
  const clock = { ...systemClock, wallTime: () => systemClock.wallTime() - clockIsBackMs }
  const server = makeMemoryServer({ clock })
  return {
    makeLog({ network, ...options } = {}) {
      return makeMemoryLog({
        server,
        writerId: randomUUID(),
        ...(network && { network: networkOf(network) }),
        ...options,
      })
    },
    makeSiteLog({ network, ...options } = {}) {
      const name = randomUUID()
      return makeMemorySiteLog({ server, name, ...(network && { network: networkOf(network) }), ...options })
    },
    makeRingLog({ network, ...options } = {}) {
      const name = randomUUID()
      return makeMemoryRingLog({ server, name, ...(network && { network: networkOf(network) }), ...options })
    },
    makeNetwork: async () => makeFaultyNetwork(),
    async copy() {
      const copy = server.copy()
      return async () => server.restore(copy)
    },
    replaceLog: async () => server.restore(makeMemoryServer().copy()),
    async insertByHand(entry) {
      const unknown = { eventType: 7, digest: Buffer.from('d'), writeNumber: 0n }
      server.insertByHand(entry === 'of an unknown kind' ? unknown : {})
    },
    async refuseKey(refused) {
      server.refuseWrites((writes) => (writes.some(({ key }) => key === refused) ? 'refused' : undefined))
    },
    async refuseWrites() {
      server.refuseWrites((writes) => (writes.length > 0 ? 'down' : undefined))
      return async () => server.refuseWrites()
    },
    refuseSessions: async () => server.refuseSessions('the log has the schema version 99'),
    advanceCheckpoint: async (tombstones) => server.advanceCheckpoint(Infinity, tombstones !== undefined),
    async setClockBack() {
      clockIsBackMs = 3_600_000
    },
    damageCheckpoint: async () => server.damageCheckpoint(),
  }
}

type MemoryNetwork = FaultyNetwork & Network

function networkOf(network: FaultyNetwork): Network {
  return network as MemoryNetwork
}

function makeFaultyNetwork(): MemoryNetwork {
  let fault: 'none' | 'holds' | 'loses answers' | 'is silent' | 'is cut' = 'none'
  const links: Link[] = []
  let healed = Promise.withResolvers<Fate>()

  function set(next: typeof fault): void {
    fault = next
    if (next === 'none' || next === 'is cut') {
      healed.resolve(next === 'none' ? 'arrives' : 'reset')
      healed = Promise.withResolvers()
    }
    if (next === 'is cut') for (const link of links) link.reset('both ends')
  }

  return {
    async carry({ leg }: Message) {
      if (fault === 'is cut') return 'reset'
      if (fault === 'is silent' || (fault === 'loses answers' && leg === 'answer')) return 'lost'
      return fault === 'holds' && leg === 'request' ? healed.promise : 'arrives'
    },
    opened: (link) => void links.push(link),
    holdRequests: () => set('holds'),
    loseAnswers: () => set('loses answers'),
    fallSilent: () => set('is silent'),
    cut: () => set('is cut'),
    heal: () => set('none'),
  }
}
