import type { Cluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { siteName } from '../schedule.ts'
import { becomes } from '../stage.ts'
import type { SitesStage } from './convergence.ts'
import { replaceRestored, restoreLog } from './log-loss.ts'

const patienceMs = 60_000
const lookMs = 5_000

/**
 * A site's log goes back when all is well. Each member that had taken over what it lacks must say so, follow it no
 * more, and keep what it has. Then the site gets an empty log, as docs/replicas.md says.
 */
export async function goBack(stage: SitesStage, members: readonly Cluster[], cluster: Cluster, entries: number) {
  const { all, world, violation } = stage
  const { logId } = cluster.logServer
  const others = members.filter((one) => one !== cluster)
  const had = others.map((one) => lastOf(one, logId))
  if (!members.includes(cluster) || !restoreLog(cluster, entries)) return
  const end = cluster.logServer.entries.length
  const ahead = others.filter((one) => lastOf(one, logId) > end)
  const peersAt = ({ nodes }: Cluster) => nodes.flatMap((node) => node.status()?.sites?.peers ?? [])
  // As it went back to a time when it was taken out, it sends nothing, and is not asked what it has.
  const isTakenOut = () => cluster.nodes.some((node) => node.server()?.sites?.isRemoved === true)
  const isTold = (one: Cluster) =>
    peersAt(one).some(({ reason }) => reason?.includes(`the log ${logId} is not the one`)) || isTakenOut()
  await becomes(world, () => ahead.every(isTold), patienceMs)
  await wait(world, lookMs)
  for (const one of ahead) {
    const name = siteName(all.indexOf(one))
    if (!isTold(one)) violation(`${name} has not noticed that the log ${logId} went back to ${end}`)
    if (peersAt(one).some(({ log, state }) => log === logId && state === 'following')) {
      violation(`${name} follows the log ${logId}, which went back to ${end}`)
    }
  }
  others.forEach((one, index) => {
    const now = lastOf(one, logId)
    if (now !== had[index]) violation(`${siteName(all.indexOf(one))} had ${had[index]} of ${logId}, and has ${now} now`)
  })
  replaceRestored(cluster)
}

/** Sequence of the last entry that a site has of another one's log. */
function lastOf({ logServer }: Cluster, logId: string): number {
  return Number(logServer.entries.findLast(({ origin }) => origin?.logId === logId)?.origin?.sequence ?? 0)
}
