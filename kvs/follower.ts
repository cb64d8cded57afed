import type { Position, Write } from './entry.ts'
import { Diverged, type LogSession } from './log/log.ts'
import { makeView, type View } from './view.ts'

/** Keeps one view in step with one log, over however many sessions. */
export interface Follower {
  readonly view: View
  /** Undefined before the first session. */
  readonly logId: string | undefined
  /** How many entries were read from the log, and how many there were to read. */
  readonly replayed: number
  readonly total: number
  /** Rejects with `Diverged` where the session's log is no continuation of what has been applied. */
  requireSamePast(session: LogSession): Promise<void>
  /** Applies the log to its end, which is no nearer than the head that the session has seen. */
  catchUp(session: LogSession): Promise<void>
  /**
   * Appends the batch and applies it, after whatever others have committed before it. On return the writes are
   * committed and in the view. After a rejection other than `NotAppended` it must be called with the same batch again.
   * @returns the sequence of the last write
   */
  append(session: LogSession, batch: readonly Write[]): Promise<bigint>
}

export function makeFollower(): Follower {
  let view = makeView()
  let logId: string | undefined
  let replayed = 0
  let total = 0
  /** Where the batch was committed, as long as the view has not reached it. */
  let landed: Position | undefined

  async function applyPage(session: LogSession): Promise<boolean> {
    const page = await session.read(view.position.sequence)
    for (const entry of page) view.apply(entry)
    replayed += page.length
    total = Math.max(total, replayed)
    return page.length > 0
  }

  return {
    get view() {
      return view
    },
    get logId() {
      return logId
    },
    get replayed() {
      return replayed
    },
    get total() {
      return total
    },

    async requireSamePast(session) {
      const { head } = session
      if (logId === undefined) {
        logId = head.logId
        view = makeView(head.adoptedThrough)
      }
      const at = `${logId}=${view.position.sequence}`
      if (head.logId !== logId)
        throw new Diverged(`this node is at ${at}, and the log is another one now, ${head.logId}`)
      if (await session.holds(view.position)) return
      throw new Diverged(
        `the log went back: this node is at ${at}, and the log, now at ${head.sequence}, has not that entry. ` +
          'Was an older dump restored, or did a failover lose its tail? ' +
          'Bring back the log that has it, or restart this node to go on from the log as it is',
      )
    },

    async catchUp(session) {
      const isFirst = view.position.sequence === 0n
      total = isFirst ? Number(session.head.entries) : replayed + Number(session.head.sequence - view.position.sequence)
      while (await applyPage(session));
      const { sequence } = view.position
      if (sequence >= session.head.sequence) return
      throw new Diverged(`the log breaks off at ${sequence}, but its head is at ${session.head.sequence}`)
    },

    async append(session, batch) {
      landed ??= await session.append(batch)
      const { sequence: last, digest } = landed
      const before = last - BigInt(batch.length)
      while (view.position.sequence < before) {
        if (!(await applyPage(session))) throw new Diverged(`the log breaks off before ${before}`)
      }
      // A batch that had landed before a connection was lost is in the view already, as read from the log.
      batch.forEach((write, index) => {
        const sequence = before + BigInt(index + 1)
        if (sequence > view.position.sequence) view.apply({ sequence, digest, write })
      })
      landed = undefined
      return last
    },
  }
}
