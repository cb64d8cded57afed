import type { AskedCopy, LogCopy } from '../../kv/index.ts'
import { makeBackoff } from '../../lib/backoff.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/logging.ts'
import type { Random } from '../../lib/random.ts'
import { type PeerClient, PeerRemoved } from '../peer-client.ts'
import type { CommonPast } from './common-past.ts'
import { copyAnswerMs } from './copy-answer.ts'

/** A member of the group, and what it has of this site's entries as last told. */
export interface CopyHolder {
  /** Id of its log; undefined where it is not known. */
  readonly log: string | undefined
  /** It has this site's entries through this sequence; 0n until it is known to have them from this log as it is. */
  readonly sequence: bigint
  /**
   * Whether its last answer says that it is no copy: it is a node of this very site, was taken out of its group, or has
   * entries that this log has lost. No write waits for it until it answers otherwise.
   */
  readonly isOut: boolean
  /** Asks it, as long as something waits that it may not have. Does nothing where a request is under way. */
  ask(): void
  /** Asks it once for this sequence, where it is out and not at rest, though nothing may wait. */
  probe(sequence: bigint): void
  /** Forgets how far it has the entries. */
  forget(): void
  /** It is a member no more: what it still answers does not count. */
  drop(): void
}

export interface CopyHolderOptions {
  readonly address: string
  readonly client: Pick<PeerClient, 'askCopy'>
  /** Id of this site's log. */
  readonly ownLog: () => string
  readonly past: CommonPast
  /** The highest sequence that something waits for; undefined where nothing waits. */
  readonly highest: () => bigint | undefined
  /** Called after each request. */
  readonly onAnswer: () => void
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** A node that does not even answer that it has to wait is out of reach, in milliseconds. */
const patienceMs = copyAnswerMs + 2_000
/** How long a node of this very site is left alone, in milliseconds. */
const restMs = 60_000
/** What is remembered to have been said: a peer may make up something else each time. */
const mostTold = 20

/** What a member has said. */
interface Told {
  /** Undefined before the first answer, and once it says that it was taken out. */
  log: string | undefined
  /** The sequence of its last answer. */
  answered: bigint
  /** How far it has the entries, since something began to wait. */
  sequence: bigint
  isRemoved: boolean
  /** Moment until which it is left alone, being a node of this very site. */
  restsUntil: number | undefined
  /** What the operator was told: each thing is said once. */
  readonly warnings: Set<string>
}

export function makeCopyHolder(options: CopyHolderOptions): CopyHolder {
  const { ownLog, past, highest, clock, random } = options
  const backoff = makeBackoff({ firstMs: 50, maxMs: 1_000, clock, random })
  const dropped = new AbortController()
  const told: Told = {
    ...{ log: undefined, answered: 0n, sequence: 0n, isRemoved: false, restsUntil: undefined, warnings: new Set() },
  }
  let isAsking = false
  let probed: bigint | undefined

  const isResting = () => told.restsUntil !== undefined && clock.now() < told.restsUntil
  const isOut = () => isResting() || told.isRemoved || past.isCommon === false
  const reached = () => (past.isCommon === true ? told.sequence : 0n)

  /** What it is to be asked for; undefined where that is nothing. */
  function needed(): AskedCopy | undefined {
    if (dropped.signal.aborted || isResting()) return undefined
    const sequence = highest() ?? (isOut() ? probed : undefined)
    return sequence === undefined || sequence <= reached() ? undefined : { log: ownLog(), sequence }
  }

  async function askAll(): Promise<void> {
    // Writes of one batch go on in the same turn: the last of them is asked for.
    await new Promise<void>((resolve) => clock.soon(resolve))
    for (let asked = needed(); asked !== undefined; asked = needed()) {
      const askedAt = clock.now()
      probed = undefined
      await askOnce(options, told, asked, dropped.signal)
      // Only an answer to what was asked for, or one that has waited for that, allows for another request at once.
      const isServed = isResting() || reached() >= asked.sequence || hasWaited(askedAt)
      if (!dropped.signal.aborted) options.onAnswer()
      if (isServed) backoff.reset()
      else await backoff.pause(dropped.signal)
    }
    // In one step with the last look: who begins to wait later asks anew.
    isAsking = false
  }

  function hasWaited(since: number): boolean {
    const ms = clock.now() - since
    return ms >= copyAnswerMs && ms < patienceMs
  }

  function ask(): void {
    if (isAsking || needed() === undefined) return
    isAsking = true
    void askAll()
  }

  return {
    get log() {
      // What is at an address may change: once a node of this site was left alone for long enough, it is anyone.
      return told.log === ownLog() ? undefined : told.log
    },
    get sequence() {
      return reached()
    },
    get isOut() {
      return isOut()
    },
    ask,
    probe(sequence) {
      if (!isOut()) return
      probed = sequence
      ask()
    },
    forget() {
      told.sequence = 0n
    },
    drop: () => dropped.abort(),
  }
}

async function askOnce(options: CopyHolderOptions, told: Told, asked: AskedCopy, dropped: AbortSignal): Promise<void> {
  const { client, clock } = options
  const ending = new AbortController()
  const end = () => ending.abort(new Error(`no answer within ${patienceMs} ms`))
  const timer = clock.after(patienceMs, end).unref()
  dropped.addEventListener('abort', end)
  try {
    const copy = await client.askCopy(asked, ending.signal)
    if (!dropped.aborted) await note(options, told, copy)
  } catch (error) {
    if (dropped.aborted) return
    if (error instanceof PeerRemoved) Object.assign(told, { ...nothing, isRemoved: true })
    const reason = error instanceof Error ? error.message : String(error)
    warn(options, told, `cannot ask ${options.address} for copies: ${reason}`)
  } finally {
    timer.cancel()
    dropped.removeEventListener('abort', end)
  }
}

const nothing = { log: undefined, answered: 0n, sequence: 0n, restsUntil: undefined }

async function note(options: CopyHolderOptions, told: Told, copy: LogCopy): Promise<void> {
  const { address, ownLog, past, clock } = options
  const { holder, sequence } = copy
  if (holder !== told.log || sequence < told.answered) past.forget()
  told.isRemoved = false
  if (holder === ownLog()) {
    Object.assign(told, { ...nothing, log: holder, restsUntil: clock.now() + restMs })
    return
  }
  Object.assign(told, { log: holder, answered: sequence, sequence: 0n, restsUntil: undefined })
  await past.check(copy).catch((error: Error) => {
    warn(options, told, `cannot tell whether ${address} has the entries of this log: ${error.message}`)
  })
  told.sequence = sequence
  if (past.isCommon !== false) return
  const which = `${address} has entries of this log that are not in it`
  warn(options, told, `${which}: the log went back; its answers are no copies`)
}

function warn({ logger }: CopyHolderOptions, { warnings }: Told, sentence: string): void {
  if (warnings.has(sentence) || warnings.size >= mostTold) return
  warnings.add(sentence)
  logger.warn(sentence)
}
