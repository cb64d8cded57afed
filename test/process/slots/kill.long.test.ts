import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { systemRandom } from '../../../kvs/lib/random.ts'
import { drainOrphan } from '../../../kvs/slots/orphaned-spool.ts'
import { lockSlot } from '../../../kvs/slots/slot-lock.ts'
import { slotPath } from '../../../kvs/slots/slot-paths.ts'
import { makeDatabase, makeLog } from '../../support/database.ts'
import { put } from '../../support/entries.ts'
import { makeDirectory } from '../../support/node.ts'
import { countSpooled, leaveSlot } from '../../support/slots.ts'
import { until } from '../../support/until.ts'

const main = fileURLToPath(new URL('fixtures/takeover-main.ts', import.meta.url))
const total = 20_000

interface Row {
  readonly sequence: string
  readonly key: string
  readonly value: string
  readonly superseded: boolean
  readonly writer: string
}

/** A process that looks for spools to take over, and does nothing else. */
function startTakeover(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = once(child, 'exit')
  const kill = () => {
    child.kill('SIGKILL')
    return ended
  }
  onTestFinished(async () => void (await kill()))
  return { kill, output: () => output }
}

/** Another node's entry, later than what the spool's node had seen and earlier than this one, has this one's key. */
function isOvertaken(row: Row, rows: readonly Row[], writer: string, seen: bigint): boolean {
  return rows.some(
    (other) =>
      other.writer !== writer &&
      other.key === row.key &&
      BigInt(other.sequence) > seen &&
      BigInt(other.sequence) < BigInt(row.sequence),
  )
}

test('a spool whose drain is killed again and again at random moments reaches the log once, in order, beside another writer', {
  timeout: 600_000,
}, async () => {
  const database = await makeDatabase()
  const directory = makeDirectory()
  const path = slotPath(directory, 2)
  const other = await makeLog(database).open()
  onTestFinished(() => other.close())
  await other.append([put('shared 0', 'seen'), put('shared 1', 'seen')])
  const { logId } = other.head
  const { end } = other.committed
  const writes = Array.from({ length: total }, (_, n) =>
    put(n % 50 === 0 ? `shared ${(n / 50) % 7}` : `k${n % 64}`, `${n}`),
  )
  const writer = await leaveSlot(path, writes, { logId, ...end })

  const readLog = () =>
    database.sql<Row>(`SELECT sequence, key, convert_from(value, 'UTF8') AS value, superseded, writers.id AS writer
      FROM transactions JOIN writers ON writers.number = writer ORDER BY sequence`)
  const countDrained = async () => {
    const [row] = await database.sql<{ count: number }>(
      'SELECT count(*)::int AS count FROM transactions JOIN writers ON writers.number = writer WHERE id = $1',
      [writer],
    )
    return row?.count ?? 0
  }

  let interrupted = 0
  let drained = 0
  for (let round = 0; drained < total; round++) {
    const child = startTakeover(directory, logId, JSON.stringify(database.target))
    await until('it looks', () => child.output().includes('looking'))
    if (interrupted < 3 || round % 3 === 0) await until('it drains', async () => (await countDrained()) > drained)
    // The random moment; a fast machine drains all of it before many of these have come.
    if (interrupted >= 3) await sleep(Math.random() * 250)
    await child.kill()
    const before = drained
    drained = await countDrained()
    if (drained > before && drained < total) interrupted++
    await other.append([put(`shared ${round % 7}`, `other ${round}`)])
  }
  expect(interrupted).toBeGreaterThan(2)

  // What had landed and could not be told to the spool any more
  const slot = lockSlot(path, systemRandom)
  const logOf = (writerId: string) => makeLog(database, { writerId })
  await drainOrphan({ slot, logId, logOf, logger: { warn: () => undefined } }, new AbortController().signal)
  slot.release()
  expect(await countSpooled(path)).toBe(0)

  const rows = await readLog()
  const own = rows.filter((row) => row.writer === writer)
  expect(own.map((row) => row.value)).toEqual(writes.map((_, n) => `${n}`))
  for (const row of own) expect(row.superseded, row.sequence).toBe(isOvertaken(row, rows, writer, end.sequence))
  expect(own.filter((row) => row.superseded).length).toBeGreaterThan(10)
  expect(rows.filter((row) => row.writer !== writer && row.superseded)).toEqual([])
})
