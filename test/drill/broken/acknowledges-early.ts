/** A node as the textbook's: a write is shown and acknowledged at once, and reaches the log a little later. */
import { once } from 'node:events'
import { readConfig } from '../../../kvs/config/config.ts'
import { openDataDirectory } from '../../../kvs/data-directory.ts'
import type { Write } from '../../../kvs/entry.ts'
import { makeServer } from '../../../kvs/http/server.ts'
import { readMigrations } from '../../../kvs/log/migrate.ts'
import { makePostgresLog } from '../../../kvs/log/postgres-log.ts'
import { makeLogger } from '../../../kvs/logger.ts'
import { makeStore } from '../../../kvs/store.ts'

const config = readConfig(process.env)
if (config.postgres === 'embedded') throw new Error('this node needs a Postgres beside it')
const logger = makeLogger({ level: 'warn', format: 'json', isTerminal: false })
const quiet = () => undefined
const data = openDataDirectory(config.dataDir)
const log = makePostgresLog({
  target: config.postgres,
  writerId: data.writerId,
  migrations: readMigrations(new URL('../../../migrations/', import.meta.url)),
  timeoutMs: config.postgresTimeoutMs,
  info: quiet,
  warn: quiet,
})
const store = makeStore({
  log,
  onReplayed: quiet,
  spool: undefined,
  spooling: { on: false, reason: 'broken', maxBytes: 0 },
  limits: { maxWrites: 10_000, maxBytes: 1e9, timeoutMs: config.appendTimeoutMs, graceMs: 0 },
  connectTimeoutMs: undefined,
  tailIntervalMs: 1_000,
  waitTimeoutMs: 1_000,
  maxLagMs: 10_000,
  logger,
})
const early = new Map<string, Write>()
const server = makeServer({
  ...config,
  logger,
  store: {
    ...store,
    get(key) {
      const found = store.get(key)
      const write = early.get(key)
      if (write === undefined) return found
      return write.kind === 'delete' ? undefined : { ...write, sequence: undefined }
    },
    async write(write) {
      store.get(write.key) // throws where the node is not ready
      early.set(write.key, write)
      setTimeout(() => void store.write(write).catch(quiet), 50)
      return 'spooled'
    },
  },
})
server.listen(config.port, config.host)
await once(server, 'listening')
await store.run()
