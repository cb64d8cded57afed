import type { Clock } from '../lib/clock.ts'
import { Unavailable } from './log.ts'

/** A connection to the log, which may be kept. */
interface Session {
  /** Resolves when the connection is gone. Never rejects. */
  readonly lost: Promise<unknown>
  close(): Promise<void>
}

/** One connection for all who use it in turn, which is closed when nobody has used it for a while. */
export interface HeldSession<Kept extends Session> {
  /** Connects ahead of a use, which takes less time then. Never rejects: who uses it is told what is wrong. */
  getReady(): void
  /**
   * Does something over the connection, which counts as unsound where that rejects. Where one that was kept turns out
   * to be gone, or another one has taken its place, the same is done over a new one. Rejects as `open` and `act` do.
   */
  use<Result>(act: (session: Kept) => Promise<Result>): Promise<Result>
}

/** How long a connection is kept that nobody uses, in milliseconds. */
const idleMs = 30_000

export function makeHeldSession<Kept extends Session>(
  open: () => Promise<Kept>,
  clock: Pick<Clock, 'after'>,
): HeldSession<Kept> {
  let opening: Promise<Kept> | undefined
  let uses = 0

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
        if (uses === usedUntil) close(opened)
        else closeWhenIdle(opened, uses)
      })
      .unref()
  }

  function current(): Promise<Kept> {
    uses++
    return opening ?? begin()
  }

  async function useNow<Result>(act: (session: Kept) => Promise<Result>): Promise<Result> {
    const opened = current()
    const session = await opened
    try {
      return await act(session)
    } catch (error) {
      close(opened)
      throw error
    }
  }

  return {
    getReady() {
      current().catch(() => undefined)
    },
    async use(act) {
      const isKept = opening !== undefined
      try {
        return await useNow(act)
      } catch (error) {
        if (!isKept || !(error instanceof Unavailable)) throw error
        return useNow(act)
      }
    },
  }
}
