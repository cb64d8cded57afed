import type { Clock } from '../lib/clock.ts'
import { Unavailable, Undecided } from './log.ts'

/** A connection to the log, which may be kept. */
interface Session {
  /** Resolves when the connection is gone. Never rejects. */
  readonly lost: Promise<unknown>
  close(): Promise<void>
}

/** One connection for all who use it, which is closed when nobody has used it for a while. */
export interface HeldSession<Kept extends Session> {
  /** Connects ahead of a use, which takes less time then. Never rejects: who uses it is told what is wrong. */
  getReady(): void
  /**
   * Does something over the connection. It is given up where `act` rejects with `Unavailable` or `Undecided`; nothing
   * is done again. Rejects as `open` and `act` do.
   */
  use<Result>(act: (session: Kept) => Promise<Result>): Promise<Result>
  /** Has the next use connect anew. */
  drop(): void
}

/** For how long a connection is kept that nobody uses, in milliseconds; up to twice as long. */
const idleMs = 30_000

export function makeHeldSession<Kept extends Session>(
  open: () => Promise<Kept>,
  clock: Pick<Clock, 'after'>,
): HeldSession<Kept> {
  let opening: Promise<Kept> | undefined
  let uses = 0
  let underWay = 0

  function forget(opened: Promise<Kept>): void {
    if (opening === opened) opening = undefined
  }

  function close(opened: Promise<Kept>): void {
    forget(opened)
    opened.then((session) => session.close()).catch(() => undefined)
  }

  function begin(): Promise<Kept> {
    const opened = open()
    opening = opened
    opened.then(
      ({ lost }) => {
        void lost.then(() => forget(opened))
        closeWhenIdle(opened, uses)
      },
      () => forget(opened),
    )
    return opened
  }

  function closeWhenIdle(opened: Promise<Kept>, usedUntil: number): void {
    clock
      .after(idleMs, () => {
        if (opening !== opened) return
        if (uses === usedUntil && underWay === 0) close(opened)
        else closeWhenIdle(opened, uses)
      })
      .unref()
  }

  /** The connection that is kept, for as long again, or a new one. */
  function take(): Promise<Kept> {
    uses++
    return opening ?? begin()
  }

  return {
    getReady() {
      take().catch(() => undefined)
    },
    async use(act) {
      const opened = take()
      underWay++
      try {
        return await act(await opened)
      } catch (error) {
        if (error instanceof Unavailable || error instanceof Undecided) close(opened)
        throw error
      } finally {
        underWay--
      }
    },
    drop() {
      if (opening !== undefined) close(opening)
    },
  }
}
