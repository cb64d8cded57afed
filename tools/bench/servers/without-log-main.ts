import { readConfig } from '../../../kvs/config/index.ts'
import { makeHttpTally } from '../../../kvs/http/exchange/index.ts'
import { makeServer } from '../../../kvs/http/index.ts'
import type { LogSession } from '../../../kvs/log/index.ts'
import { makeLogger } from '../../../kvs/logger/index.ts'
import { makeMemoryBudget } from '../../../kvs/memory/index.ts'
import { makeMetricsReader } from '../../../kvs/metrics/index.ts'
import { makeStore } from '../../../kvs/replica/index.ts'

/**
 * The service with a log that keeps nothing: the most that its HTTP side and its view could ever do. It answers in the
 * next turn of the event loop: answered sooner, each write would be a batch of its own, which is only half as fast.
 */
const digest = Buffer.alloc(8)
let sequence = 0n
const append = async ({ length }: { readonly length: number }) => {
  await new Promise(setImmediate)
  sequence += BigInt(length)
  return { sequence, digest }
}
const session = {
  head: { logId: '00000000', sequence: 0n, entries: 0n, adoptedThrough: 0n },
  description: 'no log',
  lost: new Promise<Error>(() => undefined),
  committed: { number: 0n, end: { sequence: 0n, digest } },
  holds: async () => true,
  loadCheckpoint: async () => undefined,
  replay: async () => undefined,
  read: async () => [],
  append,
  appendSpooled: append,
  askHead: async () => ({ sequence, digest }),
  onOthersAppended: () => undefined,
  appendConditional: () => Promise.reject(new Error('not here')),
  close: async () => undefined,
} satisfies LogSession

const config = readConfig({ ...process.env, POSTGRES_HOST: 'none', POSTGRES_SSLMODE: 'disable' })
const logger = makeLogger({ level: config.logLevel, format: config.logFormat, isTerminal: false })
const store = makeStore({
  log: { open: async () => session },
  onReplayed: () => undefined,
  spool: undefined,
  spooling: { on: false, reason: 'there is no log', maxBytes: 0 },
  limits: {
    maxWrites: config.maxWaitingWrites,
    maxBytes: config.maxWaitingBytes,
    timeoutMs: config.appendTimeoutMs,
    graceMs: 0,
  },
  connectTimeoutMs: undefined,
  tailIntervalMs: config.tailIntervalMs,
  waitTimeoutMs: config.waitTimeoutMs,
  maxLagMs: config.maxLagMs,
  logger,
})
makeServer({
  ...config,
  store,
  budget: makeMemoryBudget(config.maxWaitingBytes),
  tally: makeHttpTally(),
  readMetrics: makeMetricsReader([]),
  logger,
}).listen(config.ports[0], config.host)
await store.run()
