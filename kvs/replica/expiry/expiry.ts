import type { Entry } from '../../core/entry.ts'
import { isExpiry } from '../../core/operation/operation.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Spool } from '../../spool/index.ts'
import type { ConditionalQueue } from '../decisions/conditional-queue.ts'
import type { Mirror } from '../mirror.ts'
import { makeReaper, type Reaper } from './reaper.ts'
import { makeReaperTurn } from './reaper-turn.ts'

/** A key in UTF-8, as a window on a buffer that is valid during the call. */
export type VisitKey = (buffer: Buffer, start: number, length: number) => void

export interface ExpiryOptions {
  readonly mirror: Pick<Mirror, 'view'>
  readonly spool: Pick<Spool, 'lapse'> | undefined
  readonly conditional: Pick<ConditionalQueue, 'add'>
  /** The log server's clock, as `Log.now`. */
  readonly now: () => number | undefined
  /** Whether the log can be asked for conditional writes. */
  readonly mayAppend: () => boolean
  /**
   * Told each key that may not be shown any more since a deadline of it has passed, soon after that. The key may have a
   * newer value that is shown.
   */
  readonly onLapsed: VisitKey
  readonly clock: Clock
  readonly random: Random
}

/** Has deadlines pass in the view and the spool, and expiries come into the log. */
export interface Expiry {
  /** Expiries that this node has appended. */
  readonly appended: number
  start(): void
  stop(): void
  /** Notes an entry that another node has written. */
  noteOthers(entry: Entry): void
  /**
   * Lets the deadlines pass that are due, but for those that would hold everything else up for long: `onLapsed` is told
   * of each.
   * @returns whether there are more
   */
  lapse(): boolean
}

/** How many keys lapse in one go. One takes about a microsecond. */
const stepKeys = 1_000
/** Longest and shortest time between two looks, in milliseconds. */
const pollMs = { most: 250, least: 5 }

export function makeExpiry(options: ExpiryOptions): Expiry {
  const { mirror, conditional, mayAppend, clock, random } = options
  const turn = makeReaperTurn(random)
  const reaper: Reaper = makeReaper({ mirror, conditional, turn, mayAppend, clock })
  let timer: Timer | undefined
  let isRunning = false

  function tick(): void {
    if (!isRunning) return
    const isMore = lapseDue(options)
    reaper.tick()
    if (isMore) clock.soon(tick)
    else timer = clock.after(untilNext(options), tick).unref()
  }

  return {
    get appended() {
      return reaper.appended
    },
    start() {
      isRunning = true
      tick()
    },
    stop() {
      isRunning = false
      timer?.cancel()
    },
    noteOthers({ write }) {
      if (isExpiry(write)) turn.noteOthers(clock.now())
    },
    lapse: () => lapseDue(options),
  }
}

function lapseDue({ mirror, spool, onLapsed, ...options }: ExpiryOptions): boolean {
  const now = options.now()
  if (now === undefined) return false
  let spooled = 0
  spool?.lapse(now, stepKeys, (key) => {
    const bytes = Buffer.from(key)
    onLapsed(bytes, 0, bytes.length)
    spooled++
  })
  return mirror.view.lapse(now, stepKeys, onLapsed) === stepKeys || spooled === stepKeys
}

/** A deadline that comes into the view meanwhile is looked at a moment late; readers judge by the deadline itself. */
function untilNext({ mirror, ...options }: ExpiryOptions): number {
  const { nextDeadline } = mirror.view
  const now = options.now()
  if (nextDeadline === undefined || now === undefined) return pollMs.most
  return Math.min(pollMs.most, Math.max(pollMs.least, nextDeadline - now))
}
