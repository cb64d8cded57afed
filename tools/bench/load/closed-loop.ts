import { makeSeededRandom } from '../../lab/seeded-random.ts'
import type { Seen } from '../measure/measured-run.ts'
import { type Connection, openConnection } from './http.ts'

export interface ClosedLoop {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  readonly seed: number
  /** The next request, as it goes over the wire. */
  readonly request: (random: ReturnType<typeof makeSeededRandom>) => string
}

/**
 * Each connection sends its next request as soon as it has the answer, from this very process: for requests that are
 * worth more than their own cost.
 */
export async function runClosedLoop({ port, connections, seconds, seed, request }: ClosedLoop): Promise<Seen> {
  const random = makeSeededRandom(seed, 'closed loop')
  const all = await Promise.all(Array.from({ length: connections }, () => openConnection(port)))
  const cpu = process.cpuUsage()
  const start = performance.now()
  const end = start + 1_000 * seconds
  const failures = new Map<number, number>()
  let requests = 0
  await Promise.all(all.map(run))
  const took = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  for (const connection of all) connection.close()
  const problem = [...failures].map(([status, count]) => `${count} answers with ${status}`).join(', ')
  return { requests, seconds: took, generatorSeconds: (user + system) / 1e6, ...(problem !== '' && { problem }) }

  async function run(connection: Connection): Promise<void> {
    while (performance.now() < end) {
      const status = await new Promise<number>((resolve) => connection.send(request(random), resolve))
      requests++
      if (status < 200 || status > 299) failures.set(status, (failures.get(status) ?? 0) + 1)
      if (status === 0) return
    }
  }
}
