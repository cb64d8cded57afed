import { findBinaries } from './binaries.ts'
import { clusterVersion, requireVersion } from './cluster.ts'

/**
 * Describes in a sentence what a start of the embedded Postgres would find, for `--check`. Starts and changes nothing.
 * Rejects with what to do where the cluster could not be used.
 * @param directory the cluster's
 */
export async function inspectCluster(directory: string): Promise<string> {
  const binaries = await findBinaries()
  const version = await clusterVersion(directory)
  if (version === undefined) return `embedded Postgres ${binaries.major}, no log yet, which a start makes`
  requireVersion(version, directory, binaries)
  return `embedded Postgres ${version}, a log in ${directory}`
}
