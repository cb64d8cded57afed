import { findBinaries } from './binaries.ts'
import { clusterVersion, refuseOther } from './cluster.ts'

/**
 * Tells in a sentence what a start of the embedded Postgres would find; starts and changes nothing.
 * @param directory of the cluster. Rejects with what to do where it could not be used
 */
export async function inspectCluster(directory: string): Promise<string> {
  const binaries = await findBinaries()
  const version = await clusterVersion(directory)
  if (version === undefined) return `embedded Postgres ${binaries.major}, no log yet, which a start makes`
  refuseOther(version, directory, binaries)
  return `embedded Postgres ${version}, a log in ${directory}`
}
