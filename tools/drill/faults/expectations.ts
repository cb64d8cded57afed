import { describe, quoted } from '../checker/words.ts'
import type { History, Operation } from '../history.ts'
import { forwarderNames } from '../stack/stack.ts'
import { isForAnother } from '../workload/hopper.ts'

export function spooledNothing({ operations }: Pick<History, 'operations'>): string[] {
  const isSpooled = ({ status }: Operation) => status === 202
  return operations.some(isSpooled) ? [] : ['no write was spooled, so that the drill shows nothing']
}

export function supersededNothing({ log }: Pick<History, 'log'>): string[] {
  return log.some(({ superseded }) => superseded) ? [] : ['nothing was superseded, so that the drill shows nothing']
}

export function transferredNothing({ transfers = [], balances = [] }: History): string[] {
  const [landed, listed] = [transfers.filter(({ outcome }) => outcome === 'ok').length, balances.length]
  return landed > 0 && listed > 0 ? [] : ['nothing was transferred or listed, so that the drill shows nothing']
}

export function forwardedNothing({ operations }: Pick<History, 'operations'>): string[] {
  return forwarderNames.flatMap((name) => {
    const isWritten = (one: Operation) => one.node === name && one.kind !== 'get' && one.outcome === 'ok'
    return operations.some(isWritten) ? [] : `no write was acknowledged by way of ${name}`
  })
}

/**
 * An error is every answer that is neither what was asked for nor a condition that did not hold, and every request that
 * no node took: one that is refused, reset or told that the node is not ready is asked again at another.
 */
export function clientsThatSawErrors({ operations }: Pick<History, 'operations'>): string[] {
  const nodes = new Set(operations.map(({ node }) => node)).size
  const triesOf = new Map<number, number>()
  return operations.flatMap((operation) => {
    const { client, key, status, outcome } = operation
    if (outcome === 'ok' || status === 412) {
      triesOf.set(client, 0)
      return []
    }
    const tries = (triesOf.get(client) ?? 0) + 1
    triesOf.set(client, tries)
    if (isForAnother(operation) && tries < nodes) return []
    return `key ${quoted(key)}: a client saw an error: ${describe(operation)} at ${operation.node}, ${operation.error}`
  })
}
