import { once } from 'node:events'
import { join } from 'node:path'
import { readConfig } from '../../../../kvs/config/index.ts'
import { makeHttpTally } from '../../../../kvs/http/exchange/index.ts'
import { makeServer } from '../../../../kvs/http/index.ts'
import type { LogSession } from '../../../../kvs/log/index.ts'
import { makePostgresLog, readMigrations } from '../../../../kvs/log/postgres/index.ts'
import { makeLogger } from '../../../../kvs/logger/index.ts'
import { makeMemoryBudget } from '../../../../kvs/memory/index.ts'
import { makeMetricsReader } from '../../../../kvs/metrics/index.ts'
import { makeStore, type Store } from '../../../../kvs/replica/index.ts'
import { openDataDirectory } from '../../../../kvs/slots/data-directory.ts'
import { openSpool } from '../../../../kvs/spool/index.ts'

export interface Breaks {
  /** What the store is to its clients. */
  readonly store?: (store: Store) => Partial<Store>
  /** What a session of the log is to the store. */
  readonly session?: (session: LogSession) => Partial<LogSession>
}

/** Lives as a node that is broken in this way. */
export async function runBroken({ store: breakStore, session: breakSession }: Breaks): Promise<void> {
  const config = readConfig(process.env)
  if (config.postgres === 'embedded') throw new Error('this node needs a Postgres beside it')
  const logger = makeLogger({ level: 'warn', format: 'json', isTerminal: false })
  const quiet = () => undefined
  const data = openDataDirectory(config.dataDir)
  const log = makePostgresLog({
    target: config.postgres,
    writerId: data.writerId,
    migrations: readMigrations(new URL('../../../../migrations/', import.meta.url)),
    timeoutMs: config.postgresTimeoutMs,
    info: quiet,
    warn: quiet,
  })
  const open = async () => {
    const session = await log.open()
    return Object.assign(session, breakSession?.(session))
  }
  const store = makeStore({
    log: { open },
    onReplayed: quiet,
    spool: await openSpool(join(config.dataDir, 'spool.db'), config.spoolMaxBytes),
    spooling: { on: true, reason: null, maxBytes: config.spoolMaxBytes },
    limits: { maxWrites: 10_000, maxBytes: 1e9, timeoutMs: config.appendTimeoutMs, graceMs: 0 },
    connectTimeoutMs: undefined,
    tailIntervalMs: config.tailIntervalMs,
    waitTimeoutMs: config.waitTimeoutMs,
    maxLagMs: config.maxLagMs,
    logger,
  })
  const server = makeServer({
    ...config,
    ...{ tally: makeHttpTally(), readMetrics: makeMetricsReader([]), logger },
    budget: makeMemoryBudget(config.maxWaitingBytes),
    store: { ...store, ...breakStore?.(store) },
  })
  server.listen(config.ports[0], config.host)
  await once(server, 'listening')
  await store.run()
}
