import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Write } from '../../../kvs/core/entry.ts'
import { ConditionFailed, KvsError } from '../../../kvs/core/errors.ts'
import { setsValue } from '../../../kvs/core/operation/operation.ts'
import {
  covers,
  formatPosition,
  mergePositions,
  nowhere,
  type Position,
  parsePosition,
  positionAt,
  sequenceIn,
} from '../../../kvs/core/position.ts'
import { holds } from '../../../kvs/core/precondition.ts'
import { unlessLapsed, versionAt } from '../../../kvs/core/version.ts'
import { makeHttpTally } from '../../../kvs/http/exchange/request-tally.ts'
import { makeServer, nodeRoutes, type ServerOptions } from '../../../kvs/http/server.ts'
import type { AskedTransaction, ConditionalWrite } from '../../../kvs/kv/kv.ts'
import { requireKnownLogs } from '../../../kvs/kv/own-log.ts'
import type { State } from '../../../kvs/kv/status.ts'
import { makeLogger } from '../../../kvs/logger/logger.ts'
import { makeMemoryBudget } from '../../../kvs/memory/memory-budget.ts'
import { httpMetrics } from '../../../kvs/metrics/http-metrics.ts'
import { makeMetricsReader } from '../../../kvs/metrics/reader.ts'
import { askedTransaction } from '../../../kvs/replica/decisions/asked-transaction.ts'
import { makeView } from '../../../kvs/view/view.ts'
import { entryOf } from '../../support/entries.ts'
import { makeFakeLists } from './fake-lists.ts'
import { makeFakeRing } from './fake-ring.ts'
import { makeFakeSite } from './fake-site.ts'

const logId = 'cafe0123'

/** A store without a log, for tests of the HTTP side. */
export function makeFakeStore() {
  const view = makeView({ logId })
  const writes: Write[] = []
  const keys = new Set<string>()
  const lists = makeFakeLists({ keys: () => keys, get: (key) => fake.get(key), position: () => fake.position() })
  const fake = {
    writes,
    lists,
    listKeys: lists.listKeys,
    listValues: lists.listValues,
    countKeys: lists.countKeys,
    /** Refuses a write, for one. */
    refuses: undefined as ((write: Write) => Error | undefined) | undefined,
    idempotencyKeys: [] as (string | undefined)[],
    /** What conditional writes asked for beside themselves. */
    asked: [] as (string | undefined)[],
    /** The log server's clock. */
    time: 1_800_000_000_000,
    now: () => fake.time,
    waits: [] as (bigint | 'head')[],
    /** Keys of reads that waited for a position. */
    waitedKeys: [] as (string | undefined)[],
    /** What a site has not, and so goes with each write that asks for a position; undefined where it is no site. */
    missing: undefined as Position | undefined,
    failure: undefined as Error | undefined,
    state: 'serving' as State,
    /** As with the log down. */
    spools: false,
    get(key: string) {
      if (fake.failure) throw fake.failure
      return unlessLapsed(view.get(key), fake.time)
    },
    async write(write: Write) {
      const failure = fake.failure ?? fake.refuses?.(write)
      if (failure) throw failure
      const sequence = view.position.sequence + 1n
      writes.push(write)
      if (fake.spools) return 'spooled' as const
      if (write.kind === 'put') keys.add(write.key)
      else keys.delete(write.key)
      const digest = createHash('sha256').update(`${sequence}`).digest()
      const entry = entryOf(sequence, write, { digest, recordedAt: fake.time })
      const replaced = view.apply(entry)
      return { ...versionAt(logId, entry), replaced }
    },
    async writeIf({ write, precondition, asked, idempotencyKey }: ConditionalWrite) {
      const current = unlessLapsed(view.versionOf(write.key), fake.time)
      fake.idempotencyKeys.push(idempotencyKey)
      fake.asked.push(asked)
      if (!holds(precondition, current)) throw new ConditionFailed(current?.tag)
      const stored = await fake.write(write)
      if (stored === 'spooled') throw new KvsError('log_down')
      return stored
    },
    async transact(transaction: AskedTransaction) {
      if (fake.failure) throw fake.failure
      if (fake.spools) throw new KvsError('log_down')
      fake.idempotencyKeys.push(transaction.idempotencyKey)
      fake.asked.push(transaction.asked)
      const asked = askedTransaction(transaction)
      const decided = asked.decide({
        versionOf: (key) => unlessLapsed(view.versionOf(key), fake.time),
        versionInLog: view.versionOf,
        valueOf: (key) => fake.get(key),
        valueAfter: (write) => (setsValue(write) ? { ...write } : undefined),
      })
      const first = view.position.sequence + 1n
      const digest = createHash('sha256').update(`${first}`).digest()
      for (const [index, write] of decided.writes.entries()) {
        writes.push(write)
        view.apply(entryOf(first + BigInt(index), write, { digest, recordedAt: fake.time }))
      }
      const outcome = decided.writes.length > 0 ? 'landed' : 'refused'
      const entry = { sequence: first, digest }
      return asked.answer({ outcome, entry, current: undefined, note: undefined }, logId)
    },
    async waitFor(position: Position, key?: string) {
      if (fake.missing === undefined) requireKnownLogs(position, logId, positionAt(logId, 0n))
      const sequence = sequenceIn(position, logId)
      fake.waits.push(sequence)
      fake.waitedKeys.push(key)
      if (sequence > view.position.sequence) throw new KvsError('behind')
    },
    /** As in a site: writes go on without the positions that they come after. */
    isSite: false,
    async dependencyOn(position: Position) {
      if (fake.isSite) return covers(fake.seen(), position) ? undefined : position
      await fake.waitFor(position)
      return fake.missing
    },
    /** Unmet dependencies of keys, as text. */
    unmet: new Map<string, string>(),
    seen: () => positionAt(logId, view.position.sequence),
    async waitForHead() {
      fake.waits.push('head')
    },
    position(key?: string) {
      const after = writes.findLast((write) => write.key === key)?.after ?? nowhere
      const unmet = parsePosition(fake.unmet.get(key ?? '') ?? '') ?? nowhere
      return formatPosition(mergePositions(mergePositions(fake.seen(), after), unmet))
    },
    status: () => ({
      state: fake.state,
      reason: null,
      since: '2026-01-01T00:00:00.000Z',
      replayed: 0,
      total: 0,
      position: fake.position(),
      lag: 0,
      spool: { on: true, reason: null, writes: 0, bytes: 0, maxBytes: 1 },
    }),
  }
  return fake
}

export const notReady = new KvsError('not_ready')
const logger = makeLogger({ level: 'silent', format: 'json', isTerminal: false })

/** The routes of a node over a fake store. */
export function fakeRoutes() {
  const [store, readMetrics, budget] = [makeFakeStore(), makeMetricsReader([]), makeMemoryBudget(1_000)]
  return nodeRoutes({
    store,
    site: makeFakeSite(),
    ring: makeFakeRing(),
    readMetrics,
    maxValueBytes: 1_000,
    budget,
    allowsClear: false,
    logger,
  })
}

interface Waiting {
  readonly maxWaitingBytes?: number
}

/** The real server over a fake store, on a free port of the loopback. */
export async function serve({ maxWaitingBytes = 100_000, ...options }: Partial<ServerOptions> & Waiting = {}) {
  const store = makeFakeStore()
  const tally = makeHttpTally()
  const server = makeServer({
    store,
    tally,
    readMetrics: makeMetricsReader(httpMetrics(tally)),
    logger,
    allowsClear: false,
    maxValueBytes: 1_000,
    budget: makeMemoryBudget(maxWaitingBytes),
    maxConnections: 100,
    maxHeaderBytes: 8_192,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    idleTimeoutMs: 20_000,
    keepAliveTimeoutMs: 5_000,
    slowRequestMs: undefined,
    ...options,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })

  /** Sends bytes as they are and resolves with all that comes back until the server closes. */
  async function raw(...pieces: (string | Buffer)[]): Promise<string> {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString('latin1')
    })
    for (const piece of pieces) socket.write(piece)
    await once(socket, 'close')
    return answer
  }

  /** One raw request on a path that no client library may touch. */
  const request = (method: string, path: string, headers = '', body = '') =>
    raw(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`)

  return { store, server, url: `http://127.0.0.1:${port}`, port, raw, request }
}
