import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from '../../kvs/log/embedded/index.ts'

/**
 * Makes the service's embedded Postgres for a program that runs it itself, apart from any node. It logs nothing but
 * what goes to `warn`.
 * @param directory absolute path of the cluster; its socket and log file are put beside it
 */
export function makePostgres(directory: string, warn: (message: string) => void = () => undefined): EmbeddedPostgres {
  const ignore = () => undefined
  return makeEmbeddedPostgres({ directory, log: { info: ignore, debug: ignore, warn } })
}

/** Reads the pid of the server that runs on a cluster, from its lock file; undefined if there is no such file. */
export function readServerPid(cluster: string): number | undefined {
  try {
    return Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return undefined
  }
}

/** The directory of an embedded node's cluster. */
export function clusterIn(dataDirectory: string): string {
  return join(dataDirectory, 'postgres')
}
