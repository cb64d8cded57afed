import type { Entry, LogPoint, Write } from '../core/entry.ts'
import { type Decided, Diverged, type LogSession, type Verdict, wentBackAdvice } from '../log/index.ts'
import { makeView, type View } from '../view/index.ts'
import type { Appended } from './write-queue.ts'

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
  /** The last sequence that the log is known to have; 0n before the first session. */
  readonly head: bigint
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
   * @returns for each of this node's own entries among them, in order, whether it took the place of a value
   */
  catchUp(session: LogSession, afterPage?: () => Promise<void>): Promise<readonly boolean[]>
  /** Applies the log up to a sequence that it is known to have. */
  readThrough(session: LogSession, sequence: bigint): Promise<void>
  /** Applies all that the log has by now. Returns its last sequence. */
  tail(session: LogSession): Promise<bigint>
  /**
   * Appends the batch, as `LogSession.append`, and applies it, after whatever others have committed before it. On return the writes are
   * committed and in the view; rejections are those of `LogSession.append` and `read`.
   */
  append(session: LogSession, batch: readonly Write[], last?: bigint): Promise<Appended>
  /**
   * The same for writes that were decided on by the view as it is; of these, those that landed.
   * @returns a verdict for each
   */
  appendConditional(session: LogSession, batch: readonly Decided[], last?: bigint): Promise<readonly Verdict[]>
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
  let head = 0n
  let position = { of: view.position, text: '' }
  /** Since the last catching up that came to its end. */
  let own: boolean[] = []

  function knowHead(sequence: bigint): void {
    if (sequence > head) head = sequence
  }

  async function applyPage(session: LogSession, through: bigint): Promise<boolean> {
    const page = await session.read(view.position.sequence, through)
    for (const entry of page) {
      const replaced = view.apply(entry)
      if (entry.isOwn) own.push(replaced)
      else if (!entry.superseded) onOthers(entry)
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
    const fresh = makeView({ logId: session.head.logId, gapsUpTo })
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
      if (!(await applyPage(session, sequence))) throw new Diverged(`the log breaks off before ${sequence}`)
    }
  }

  /** The view is at the log's end, which lies behind it, or has another past, where somebody has taken entries out of the log. */
  function requireContinued(end: LogPoint): void {
    const { sequence, digest } = view.position
    if (end.sequence === sequence && (sequence <= gapsUpTo || end.digest.equals(digest))) return
    throw wentBack(end.sequence)
  }

  function wentBack(end: bigint): Diverged {
    const at = `${logId}=${view.position.sequence}`
    return new Diverged(
      `the log went back: this node is at ${at}, and the log, now at ${end}, has not that entry. ${wentBackAdvice}`,
    )
  }

  /** The log's last entries, just committed, after all that others have committed before them. */
  async function applyOwn(session: LogSession, writes: readonly Write[], { sequence: last, digest }: LogPoint) {
    knowHead(last)
    const before = last - BigInt(writes.length)
    await readThrough(session, before)
    return writes.map((write, index) => {
      const sequence = before + BigInt(index + 1)
      return view.apply({ sequence, digest, superseded: false, isOwn: true, write })
    })
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
    get head() {
      return head
    },

    async requireSamePast(session) {
      const { head: now } = session
      if (logId === undefined) {
        logId = now.logId
        gapsUpTo = now.adoptedThrough
        view = makeView({ logId, gapsUpTo })
      }
      const at = `${logId}=${view.position.sequence}`
      if (now.logId !== logId)
        throw new Diverged(`this node is at ${at}, and the log is another one now, ${now.logId}. ${wentBackAdvice}`)
      knowHead(now.sequence)
      if (await session.holds(view.position)) return
      throw wentBack(now.sequence)
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
        if (!(await applyPage(session, session.head.sequence))) requireWhole(session)
        await afterPage?.()
      }
      const caughtUp = own
      own = []
      return caughtUp
    },

    readThrough,

    async tail(session) {
      const end = await session.askHead()
      knowHead(end.sequence)
      await readThrough(session, end.sequence)
      requireContinued(end)
      return end.sequence
    },

    async append(session, batch, lastNumber) {
      const end = await session.append(batch, lastNumber)
      return { logId: session.head.logId, end, replaced: await applyOwn(session, batch, end) }
    },

    async appendConditional(session, batch, lastNumber) {
      const { verdicts, end } = await session.appendConditional(batch, view.position.sequence, lastNumber)
      const landed = batch.filter((_, index) => verdicts[index]?.outcome === 'landed')
      const writes = landed.map(({ write }) => write)
      await applyOwn(session, writes, end)
      return verdicts
    },
  }
}
