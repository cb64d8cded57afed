import type { Fact, Facts } from './facts.ts'
import { type SiteOperation, words } from './operation.ts'

/**
 * Holds what was said of copies against the logs, those that are gone as well, as they were then: so many logs have
 * what was written.
 */
export function checkCopies(operations: readonly SiteOperation[], facts: Facts): string[] {
  const holders = new Map<Fact, number>()
  for (const site of facts.sites) {
    for (const fact of new Set(site.entries.map((entry) => facts.of(site, entry)))) {
      if (fact !== undefined) holders.set(fact, (holders.get(fact) ?? 0) + 1)
    }
  }
  return operations.flatMap((operation) => {
    const { log, sequence, copies } = operation
    if (copies === undefined || sequence === undefined) return []
    const fact = facts.at(log, sequence)
    const count = fact === undefined ? 0 : (holders.get(fact) ?? 0)
    return count >= copies ? [] : [`${words(operation)} was said to be in ${copies} logs, and ${count} have it`]
  })
}
