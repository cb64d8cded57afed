import type { Cluster } from '../cluster.ts'
import { remaining } from '../faults.ts'
import { copyWithout } from '../restore.ts'

/** Kills the nodes of a site, and puts an empty log in the place of its own; their spools were for that, and go too. */
export function loseLog(cluster: Cluster): void {
  const { logServer, nodes } = cluster
  for (const node of nodes) node.kill()
  noteLoss(cluster)
  logServer.restore(cluster.makeEmptyLog())
  logServer.refuseWrites()
  cluster.isRestored = false
  for (const { disk } of nodes) disk.clear()
}

/**
 * Has the nodes of a site run on its log as it was before its last entries. It takes no writes, since an entry under a
 * sequence that is used is what docs/replicas.md warns of. Returns whether the log was long enough.
 */
export function restoreLog(cluster: Cluster, entries: number): boolean {
  const { logServer, nodes } = cluster
  const older = copyWithout(logServer.copy(), entries)
  if (older === undefined || cluster.isRestored) return false
  for (const node of nodes) node.kill()
  noteLoss(cluster)
  cluster.isRestored = true
  logServer.restore(older)
  // A node that connects has nothing to write, and is let in.
  logServer.refuseWrites((writes) => (writes.length === 0 ? undefined : 'down'))
  for (const { disk } of nodes) disk.clear()
  startAll(cluster)
  return true
}

/** Gives a site an empty log instead of the restored one, as docs/replicas.md says. */
export function replaceRestored(cluster: Cluster): void {
  if (!cluster.isRestored) return
  loseLog(cluster)
  startAll(cluster)
}

export function startAll(cluster: Cluster): void {
  for (const node of remaining(cluster)) node.start()
}

function noteLoss({ lost, logServer: { logId, entries } }: Cluster): void {
  if (!lost.some((log) => log.logId === logId)) lost.push({ logId, entries: [...entries] })
}
