import type { AskedCopy } from '../../kv/index.ts'
import { makeBackoff } from '../../lib/backoff.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { type PeerClient, PeerRemoved } from '../peer-client.ts'
import { copyAnswerMs } from './copy-answer.ts'

/** A member of the group, and what it has of this site's entries as last told. */
export interface CopyHolder {
  /** Id of its log; undefined before the first answer, and once it says that it was taken out. */
  readonly log: string | undefined
  /** It has this site's entries through this sequence. */
  readonly sequence: bigint
  /** Asks it, as long as something waits that it may not have. Does nothing where a request is under way. */
  ask(): void
  /** Forgets how far it has the entries. */
  forget(): void
  /** It is a member no more: what it still answers does not count. */
  drop(): void
}

export interface CopyHolderOptions {
  readonly client: Pick<PeerClient, 'askCopy'>
  /** Id of this site's log. */
  readonly ownLog: () => string
  /** The highest sequence that something waits for; undefined where nothing waits. */
  readonly highest: () => bigint | undefined
  /** Called after each answer. */
  readonly onAnswer: () => void
  readonly clock: Clock
  readonly random: Random
}

/** A node that does not even answer that it has to wait is out of reach, in milliseconds. */
const patienceMs = copyAnswerMs + 2_000
/** How long a node of this very site is left alone, in milliseconds. */
const restMs = 60_000

export function makeCopyHolder(options: CopyHolderOptions): CopyHolder {
  const { client, ownLog, highest, onAnswer, clock, random } = options
  const backoff = makeBackoff({ firstMs: 50, maxMs: 1_000, clock, random })
  const dropped = new AbortController()
  const told: { log: string | undefined; sequence: bigint } = { log: undefined, sequence: 0n }
  let isAsking = false
  let restsUntil: number | undefined

  /** What it is to be asked for; undefined where that is nothing. */
  function needed(): AskedCopy | undefined {
    const sequence = highest()
    if (dropped.signal.aborted || sequence === undefined || sequence <= told.sequence) return undefined
    if (restsUntil !== undefined && clock.now() < restsUntil) return undefined
    return { log: ownLog(), sequence }
  }

  async function askAll(): Promise<void> {
    // Writes of one batch go on in the same turn: the last of them is asked for.
    await new Promise<void>((resolve) => clock.soon(resolve))
    for (let asked = needed(); asked !== undefined; asked = needed()) {
      if (await askOnce(asked)) backoff.reset()
      else await backoff.pause(dropped.signal)
    }
    // In one step with the last look: who begins to wait later asks anew.
    isAsking = false
  }

  /** Whether it answered, and has more than before. */
  async function askOnce(asked: AskedCopy): Promise<boolean> {
    const ending = new AbortController()
    const end = () => ending.abort(new Error(`no answer within ${patienceMs} ms`))
    const timer = clock.after(patienceMs, end).unref()
    dropped.signal.addEventListener('abort', end)
    try {
      const { holder, sequence } = await client.askCopy(asked, ending.signal)
      return !dropped.signal.aborted && note(holder, sequence)
    } catch (error) {
      if (error instanceof PeerRemoved) Object.assign(told, { log: undefined, sequence: 0n })
      return false
    } finally {
      timer.cancel()
      dropped.signal.removeEventListener('abort', end)
    }
  }

  function note(log: string, sequence: bigint): boolean {
    const isOwn = log === ownLog()
    restsUntil = isOwn ? clock.now() + restMs : undefined
    const before = log === told.log ? told.sequence : 0n
    Object.assign(told, { log, sequence: isOwn || sequence < before ? before : sequence })
    onAnswer()
    return isOwn || sequence > before
  }

  return {
    get log() {
      return told.log
    },
    get sequence() {
      return told.sequence
    },
    ask() {
      if (isAsking || needed() === undefined) return
      isAsking = true
      void askAll()
    },
    forget() {
      told.sequence = 0n
    },
    drop: () => dropped.abort(),
  }
}
