/** A node that loses what it had spooled when it is started again. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'

for (const end of ['', '-wal', '-shm']) {
  rmSync(join(process.env.KVS_DATA_DIR ?? 'data', `spool.db${end}`), { force: true })
}
await import('../../../../kvs/main.ts')
