import { type SiteOperation, words } from '../../sites-checker/operation.ts'
import { endOfFault, type Fault, isOfNode, isOfPath, type Latency, type Schedule, siteOfNode } from '../schedule.ts'

/** After a fault is over, a site needs this long to be as if nothing had been, in milliseconds. */
const recoveryMs = 15_000

/**
 * How long a write is tried that is decided by the view, in milliseconds: where its key is written all the while
 * elsewhere, it is given up then. So is one without a condition that carries a dependency.
 */
const contendedMs = 3_000

/**
 * A site whose own nodes and log are well takes every write, and answers every read without a token, whatever is
 * between the sites. A read with a token is refused only where a site has a fault, or the ways are long.
 */
export function checkAvailability(operations: readonly SiteOperation[], { faults, ...schedule }: Schedule): string[] {
  const isSlow = mayBeBehind(schedule.latency)
  return operations.flatMap((operation) => {
    const { kind, site, outcome, token, condition, invoked, returned, error } = operation
    if (outcome === 'ok' || outcome === 'torn' || error === 'condition_failed') return []
    if (error === 'not_stored' && (token ?? condition) && returned - invoked >= contendedMs) return []
    const during = faults.filter((fault) => fault.at <= returned && invoked <= endOfFault(fault) + recoveryMs)
    const isExcused = during.some((fault) => isTrouble(fault) && siteOf(fault, schedule) === site)
    if (isExcused) return []
    if (kind === 'get' && token && error === 'behind' && (isSlow || during.some(isTroubleOrPath))) return []
    return [`${words(operation)} was refused (${error}), and nothing was wrong with its site`]
  })
}

/** Whether an entry may take longer to another site than a node waits for it, though all is well. */
const mayBeBehind = ({ network, commit, between = 0 }: Latency) => between > 40 || network > 5 || commit > 20

const isTroubleOrPath = (fault: Fault) => isOfPath(fault) || isTrouble(fault)

/** The wall clocks of nodes are of no account. */
const isTrouble = ({ kind }: Fault) => kind !== 'clock'

function siteOf(fault: Fault, schedule: Pick<Schedule, 'sites'>): number | undefined {
  if (isOfPath(fault)) return undefined
  return isOfNode(fault) ? siteOfNode(schedule, fault.node) : fault.site
}
