import type { Entry, Write } from './entry.ts'
import { advice, Diverged, type LogSession } from './log/log.ts'
import { makeView, type View } from './view/view.ts'

/** Keeps one view in step with one log, over however many sessions. */
export interface Follower {
  readonly view: View
  /** Undefined before the first session. */
  readonly logId: string | undefined
  /** LOGID=SEQUENCE of the last entry applied, or undefined. */
  readonly position: string | undefined
  /** How many entries were read from the log, and how many there were to read. */
  readonly replayed: number
  readonly total: number
  /** Rejects with `Diverged` where the session's log is no continuation of what has been applied. */
  requireSamePast(session: LogSession): Promise<void>
  /**
   * Builds the view, in bulk, up to the head that the session has seen: from the checkpoint and the log after it, or from
   * the log alone. After a rejection it goes on.
   */
  replay(session: LogSession): Promise<Replayed>
  /**
   * Applies what has come since, up to the head that the session has seen.
   * @param afterPage awaited after each page, so that a long way does not hold up everything else
   */
  catchUp(session: LogSession, afterPage?: () => Promise<void>): Promise<void>
  /** Applies the log up to a sequence that it is known to have. */
  readThrough(session: LogSession, sequence: bigint): Promise<void>
  /**
   * Appends the batch, as `LogSession.append`, and applies it, after whatever others have committed before it. On return the writes are
   * committed and in the view; rejections are those of `LogSession.append` and `read`.
   * @returns the sequence of the last write
   */
  append(session: LogSession, batch: readonly Write[], last?: bigint): Promise<bigint>
}

/** What the view was built from. */
export interface Replayed {
  /** Keys that came from the checkpoint. */
  readonly keys: number
  readonly entries: number
}

/** @param onOthers is told of each entry read that has an effect and that this node has not written itself */
export function makeFollower(onOthers: (entry: Entry) => void = () => undefined): Follower {
  let view = makeView()
  let gapsUpTo = 0n
  let logId: string | undefined
  let loaded = 0
  let replayed = 0
  let total = 0
  let position = { of: view.position, text: '' }

  async function applyPage(session: LogSession): Promise<boolean> {
    const page = await session.read(view.position.sequence)
    for (const entry of page) {
      view.apply(entry)
      if (!entry.isOwn && !entry.superseded) onOthers(entry)
    }
    replayed += page.length
    total = Math.max(total, replayed)
    return page.length > 0
  }

  /** All there is to replay, with what has been. */
  function toReplay({ head }: LogSession): number {
    const { sequence } = view.position
    return sequence === 0n ? Number(head.entries) : replayed + Number(head.sequence - sequence)
  }

  /** Into a view of its own, which is thrown away where the checkpoint turns out to be broken. */
  async function loadCheckpoint(session: LogSession): Promise<void> {
    const fresh = makeView(gapsUpTo)
    total = Number(session.head.entries)
    replayed = 0
    const at = await session.loadCheckpoint((entry) => {
      fresh.load(entry)
      replayed++
    })
    if (at === undefined) {
      replayed = 0
    } else {
      fresh.loaded(at)
      view = fresh
      loaded = replayed
    }
  }

  function requireWhole({ head }: LogSession): void {
    const { sequence } = view.position
    if (sequence < head.sequence) {
      throw new Diverged(`the log breaks off at ${sequence}, but its head is at ${head.sequence}`)
    }
  }

  async function readThrough(session: LogSession, sequence: bigint): Promise<void> {
    while (view.position.sequence < sequence) {
      if (!(await applyPage(session))) throw new Diverged(`the log breaks off before ${sequence}`)
    }
  }

  return {
    get view() {
      return view
    },
    get logId() {
      return logId
    },
    get position() {
      if (logId === undefined) return undefined
      // Asked for with each answer, and the same for all answers of a batch
      if (position.of !== view.position) position = { of: view.position, text: `${logId}=${view.position.sequence}` }
      return position.text
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
        gapsUpTo = head.adoptedThrough
        view = makeView(gapsUpTo)
      }
      const at = `${logId}=${view.position.sequence}`
      if (head.logId !== logId)
        throw new Diverged(`this node is at ${at}, and the log is another one now, ${head.logId}. ${advice}`)
      if (await session.holds(view.position)) return
      throw new Diverged(
        `the log went back: this node is at ${at}, and the log, now at ${head.sequence}, has not that entry. ${advice}`,
      )
    },

    async replay(session) {
      if (view.position.sequence === 0n) await loadCheckpoint(session)
      total = toReplay(session)
      await session.replay(view.position.sequence, (entry) => {
        view.applyPacked(entry)
        replayed++
      })
      requireWhole(session)
      total = replayed
      return { keys: loaded, entries: replayed - loaded }
    },

    async catchUp(session, afterPage) {
      total = toReplay(session)
      // No further than that: a busy writer elsewhere would have a new page ready for ever.
      while (view.position.sequence < session.head.sequence) {
        if (!(await applyPage(session))) requireWhole(session)
        await afterPage?.()
      }
    },

    readThrough,

    async append(session, batch, lastNumber) {
      const { sequence: last, digest } = await session.append(batch, lastNumber)
      const before = last - BigInt(batch.length)
      await readThrough(session, before)
      batch.forEach((write, index) => {
        const sequence = before + BigInt(index + 1)
        // A page that was read for what others had committed may have these entries too.
        if (sequence > view.position.sequence) view.apply({ sequence, digest, superseded: false, isOwn: true, write })
      })
      return last
    },
  }
}
