import { readConfig } from '../../../../kvs/config/index.ts'
import type { LogSession } from '../../../../kvs/log/index.ts'
import { makePostgresLog } from '../../../../kvs/log/postgres/index.ts'
import type { Replica } from '../../../../kvs/replica/index.ts'
import { runNode } from '../../../../kvs/roles/node.ts'
import { prepareProcess } from '../../../../kvs/roles/service-process.ts'

export interface Breaks {
  /** Returns the methods of the store that are broken. */
  readonly store?: (store: Replica) => Partial<Replica>
  /** Returns the methods of a session of the log that are broken. */
  readonly session?: (session: LogSession) => Partial<LogSession>
}

/** Runs a node that is broken in this way, until it is told to stop. */
export async function runBroken({ store: breakStore, session: breakSession }: Breaks): Promise<never> {
  const config = readConfig(process.env)
  if (config.postgres === 'embedded') throw new Error('this node needs a Postgres beside it')
  await runNode(config, prepareProcess(config), {
    makeLog(options) {
      const log = makePostgresLog(options)
      const open = async () => {
        const session = await log.open()
        return Object.assign(session, breakSession?.(session))
      }
      return { ...log, open }
    },
    wrapStore: (store) => ({ ...store, ...breakStore?.(store) }),
  })
  process.exit()
}
