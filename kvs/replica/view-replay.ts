import { Diverged, type LogSession } from '../log/index.ts'
import { makeView } from '../view/index.ts'
import type { Progress } from './mirror-progress.ts'
import { positionText } from './view-position.ts'

/** What the view was built from. */
export interface Replayed {
  /** Keys that came from the checkpoint. */
  readonly keys: number
  readonly entries: number
}

/** Builds the view in bulk, as `Mirror.replay`. */
export async function replay(progress: Progress, session: LogSession): Promise<Replayed> {
  if (progress.view.position.sequence === 0n) await loadCheckpoint(progress, session)
  progress.total = totalToReplay(progress, session)
  const { view } = progress
  progress.replayedFrom ??= positionText(progress)
  await session.replay(view.position.sequence, (entry) => {
    view.applyPacked(entry)
    progress.replayed++
  })
  requireWhole(progress, session)
  progress.ring.caughtUp()
  progress.replayedFrom = undefined
  const { loaded, replayed } = progress
  progress.total = replayed
  return { keys: loaded, entries: replayed - loaded }
}

/** Into a view of its own, which is thrown away where the checkpoint turns out to be broken. */
async function loadCheckpoint(progress: Progress, session: LogSession): Promise<void> {
  const { gapsUpTo, hashSecret, site } = progress
  const view = makeView({ logId: session.head.logId, gapsUpTo, hashSecret, ranks: site })
  progress.total = Number(session.head.entries)
  progress.replayed = 0
  const at = await session.loadCheckpoint((entry) => {
    view.load(entry)
    progress.replayed++
  }, site)
  if (at === undefined) {
    progress.replayed = 0
  } else {
    view.loaded(at)
    progress.view = view
    progress.loaded = progress.replayed
  }
}

/** What there is to replay, with what has been. */
export function totalToReplay({ view, replayed }: Progress, { head }: LogSession): number {
  const { sequence } = view.position
  return sequence === 0n ? Number(head.entries) : replayed + Number(head.sequence - sequence)
}

/** @throws Diverged where the view has not come to the log's head */
export function requireWhole({ view }: Progress, { head }: LogSession): void {
  const { sequence } = view.position
  if (sequence < head.sequence) {
    throw new Diverged(`the log breaks off at ${sequence}, but its head is at ${head.sequence}`)
  }
}
