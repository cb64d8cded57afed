import { expect, test } from 'vitest'
import { type Answer, makeClient, positionOf, tagOf } from '../../support/client.ts'
import { startThree } from './three.ts'

const clients = 30
const keys = 60

/** One answer, with the newest position that its client had before it asked. */
interface Seen {
  readonly key: string
  readonly isRead: boolean
  readonly before: bigint
  readonly answer: Answer
}

type Log = Map<string, { sequence: bigint; isPut: boolean }[]>

/** Each client hops from node to node with each request. */
async function hop(urls: string[], operations: number, passesPosition: boolean): Promise<Seen[]> {
  const call = makeClient()
  const seen: Seen[] = []
  let left = operations

  async function run(): Promise<void> {
    let newest = ''
    let before = 0n
    while (left-- > 0) {
      const url = urls[Math.floor(Math.random() * urls.length)] ?? ''
      const key = `k${Math.floor(Math.random() * keys)}`
      const dice = Math.random()
      const method = dice < 0.6 ? 'GET' : dice < 0.9 ? 'PUT' : 'DELETE'
      const headers: Record<string, string> = passesPosition && newest ? { 'KVS-Min-Position': newest } : {}
      const answer = await call(url, {
        method,
        path: `/v1/${key}`,
        headers,
        ...(method === 'PUT' && { body: `${left}` }),
      })
      seen.push({ key, isRead: method === 'GET', before, answer })
      const position = positionOf(answer)
      if (position > before) before = position
      newest = position >= before ? (answer.headers['kvs-position'] ?? '') : newest
    }
  }

  await Promise.all(Array.from({ length: clients }, run))
  return seen
}

/** The entry that a key's value comes from, as of a sequence. */
function asOf(log: Log, key: string, sequence: bigint): bigint | undefined {
  const entry = log.get(key)?.findLast((entry) => entry.sequence <= sequence)
  return entry?.isPut ? entry.sequence : undefined
}

/** How many answers show a state that no moment of the log had, and how many a state older than their client knew. */
function judge(seen: Seen[], log: Log) {
  const isWrong = ({ key, isRead, answer }: Seen) => {
    const position = positionOf(answer)
    if (isRead) return tagOf(answer) !== asOf(log, key, position) || answer.status !== (answer.headers.etag ? 200 : 404)
    return answer.status >= 300 || (tagOf(answer) ?? 0n) > position
  }
  return {
    wrong: seen.filter(isWrong).length,
    stale: seen.filter(({ before, answer }) => positionOf(answer) < before).length,
  }
}

test('30 clients that hop between three nodes with their position never see the past; without it they do', {
  timeout: 300_000,
}, async () => {
  const { nodes, database } = await startThree()
  const urls = nodes.map(({ url }) => url)
  const withPositions = await hop(urls, 100_000, true)
  const without = await hop(urls, 20_000, false)
  const log: Log = new Map()
  const rows = await database.sql<{ sequence: string; key: string; event_type: number }>(
    'SELECT sequence, key, event_type FROM transactions ORDER BY sequence',
  )
  for (const { sequence, key, event_type: type } of rows) {
    const entries = log.get(key) ?? []
    log.set(key, entries)
    entries.push({ sequence: BigInt(sequence), isPut: type === 2 })
  }
  expect(withPositions).toHaveLength(100_000)
  expect(judge(withPositions, log)).toEqual({ wrong: 0, stale: 0 })
  const lax = judge(without, log)
  expect(lax.wrong).toBe(0) // each node goes through the states of the log, whatever the client asks for
  expect(lax.stale).toBeGreaterThan(0)
})
