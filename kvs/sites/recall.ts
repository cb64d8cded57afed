import type { ForeignEntry } from '../core/entry.ts'
import { setsValue } from '../core/operation/operation.ts'
import type { LogImport } from '../log/index.ts'
import type { OwnSite } from './own-site.ts'

/**
 * Whether one of the entries may be older than a delete that is forgotten: it sets a key of which the view has nothing,
 * by a stamp that is no later than theirs. So it is where a site joins that has a past, or one that was taken out is
 * added again. A delete needs no look: where it is older than a forgotten one, the key has no value either way.
 * @param forgotten stamp of the last delete that is forgotten
 */
export function meetsForgotten(entries: readonly ForeignEntry[], site: OwnSite, forgotten: number): boolean {
  return entries.some(
    ({ superseded, stamp, write }) =>
      !superseded && stamp <= forgotten && setsValue(write) && site.rankOf(write.key) === undefined,
  )
}

export interface RecallParts {
  readonly target: LogImport
  readonly site: OwnSite
  /** Resolves once the view has the log through a sequence, or the signal aborts. */
  readonly waitFor: (sequence: bigint) => Promise<void>
  readonly ending: AbortSignal
  /** Told of what may take long. */
  readonly tell: (message: string) => void
}

/**
 * Has the view remember all deletes again, until more of them are forgotten: reads those that it has forgotten from
 * the whole log, which lacks nothing. Nothing must be appended for other sites meanwhile. The view serves, and goes on
 * with the log, as it does otherwise. Rejects as `LogImport.readDeletes`, and where the signal aborts.
 */
export async function recallDeletes({ target, site, waitFor, ending, tell }: RecallParts): Promise<void> {
  tell('an entry of another site may be older than forgotten deletes: reading the deletes from the whole log')
  const { sequence: head } = await target.askHead()
  // What other sites have written is all there then, and what comes after that leaves its deletes in the view.
  await waitFor(head)
  ending.throwIfAborted()
  site.requireReadable()
  const deletes = site.deletes()
  const [through, stamp] = [site.sequence(), deletes.forgotten]
  deletes.forget(0)
  try {
    await readInto(target, site, ending, through, stamp)
  } catch (error) {
    deletes.forget(Math.max(stamp, deletes.forgotten))
    throw error
  }
  tell(`the deletes are remembered again, ${deletes.count} in all`)
}

async function readInto(target: LogImport, site: OwnSite, ending: AbortSignal, through: bigint, stamp: number) {
  for (let after = 0n; after < through; ) {
    const page = await target.readDeletes(after, through, stamp)
    ending.throwIfAborted()
    for (const { key, ...rank } of page.deletes) site.deletes().remember(key, rank)
    after = page.reached
  }
}
