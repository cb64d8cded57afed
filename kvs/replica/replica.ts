import type { Found } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import type { Kv } from '../kv/index.ts'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { makeAcceptedWrites } from './accepted-writes.ts'
import { type HeldBatch, makeHeldBatch } from './append/held-batch.ts'
import { makeSpoolRefusals, type SpoolRefusals } from './append/spool-refusals.ts'
import { makeWriteNumbers } from './append/write-numbers.ts'
import { makeWriteQueue, type WriteQueue } from './append/write-queue.ts'
import { makeConnector } from './connector.ts'
import { type ConditionalQueue, makeConditionalQueue } from './decisions/conditional-queue.ts'
import { type Expiry, makeExpiry } from './expiry/expiry.ts'
import { type FollowedLog, makeFollowedLog } from './followed-log.ts'
import { makeLists } from './lists/lists.ts'
import { makeShownKeys, type ShownKeys } from './lists/shown-keys.ts'
import { makeSlices, type Slices } from './lists/slices.ts'
import { type Measures, measuresOf, spoolStatusOf } from './measures.ts'
import { type Mirror, makeMirror } from './mirror.ts'
import { makeOutage } from './outage.ts'
import { makeTokens } from './position-tokens.ts'
import { makePositionWaits, type PositionWaits } from './position-waits.ts'
import type { ReplicaOptions } from './replica-options.ts'
import { makeRingTaker, passingOf, unownedBy } from './ring-hooks.ts'
import { makeRounds, type Rounds } from './rounds.ts'
import { loseLog, makeSessionLoop, type SessionLoop } from './session-loop.ts'
import { makeShown, type Shown } from './shown.ts'
import { readyStateOf } from './state/health.ts'
import { noWritesReason, whyLogIsDown } from './state/node-state.ts'
import { may, refusalOf, refusalToSites } from './state/permissions.ts'
import { makeStateMachine, momentOf, type StateMachine } from './state/state-machine.ts'
import { hasSeen } from './view-position.ts'

/** One node's replica of one log: log, view and spool put together as a store, from start to stop. */
export interface Replica extends Kv {
  /**
   * Runs until `stop`. Rejects with what only an operator can mend: the log refuses this program, or could not be
   * reached within the connect timeout.
   */
  run(): Promise<void>
  get(key: string): Found | undefined
  /** Says on `status` that the node is about to stop. Requests are still served. */
  announceStop(): void
  /** Ends `run`. Writes that still wait are spooled or rejected; after an orderly shutdown none does. */
  stop(): Promise<void>
  /** Undefined as long as it is not known. */
  logId(): string | undefined
  measures(): Measures
  /** What the streams between sites ask of it. */
  readonly followed: FollowedLog
}

export function makeReplica(options: ReplicaOptions): Replica {
  const { site = false, maxLagMs, clock = systemClock } = options
  const stopping = new AbortController()
  const parts = assemble(options, stopping.signal)
  const { machine, mirror, queue, conditional, waits, held, shown, expiry } = parts
  let running: Promise<void> | undefined

  function requireReadable(): void {
    const refusal = refusalOf(machine.state, 'reads')
    if (refusal) throw refusal
  }

  const { positionOfAll, ...tokens } = makeTokens({
    ...{ ...parts, site, inRing: options.ring !== undefined, requireReadable },
    isRemoved: options.isRemoved ?? (() => false),
  })

  return {
    run() {
      running = parts.loop.run(stopping.signal)
      expiry.start()
      return running
    },

    get(key) {
      requireReadable()
      options.ring?.requireOwned(key)
      return shown.get(key)
    },

    ...makeLists({
      ...{ ...parts, position: positionOfAll, requireReadable },
      owns: () => options.ring?.state().owns,
    }),
    ...tokens,

    ...makeAcceptedWrites({ ...parts, unowned: options.ring && unownedBy(options.ring) }),

    async waitForHead() {
      const refusal = refusalOf(machine.state, 'headWaits')
      if (refusal) throw refusal
      await waits.untilHeadApplied()
    },

    announceStop: () => machine.apply({ kind: 'stop announced' }),

    async stop() {
      machine.apply({ kind: 'stopped' })
      stopping.abort()
      expiry.stop()
      await parts.loop.stop()
      await running?.catch(() => undefined)
      queue.abandon(new KvsError('draining'))
      conditional.abandon(new KvsError('draining'))
      waits.abandon(new KvsError('draining'))
      held.abandon(new KvsError('undecided'))
      parts.slices.stop(new KvsError('draining'))
    },

    now() {
      const now = options.log.now()
      if (now === undefined) throw new KvsError('not_ready', 'the node has had no answer of the log yet')
      return now
    },

    followed: makeFollowedLog(mirror, options.log, {
      requireReadable() {
        const refusal = refusalToSites(machine.state)
        if (refusal) throw refusal
      },
      noWritesReason: () => noWritesReason(machine.state),
      requestTail: parts.rounds.requestTail,
      waitFor: tokens.waitFor,
      async waitForHead() {
        // A spool may wait for a change of the ring that waits for this.
        const refusal = refusalOf(machine.state, machine.state.kind === 'draining spool' ? 'reads' : 'headWaits')
        if (refusal) throw refusal
        await waits.untilHeadApplied()
      },
      inSlices: parts.slices.run,
      spooledKeys: () => options.spool?.keys() ?? [],
    }),
    logId: () => mirror.logId,
    measures: () => measuresOf(parts),
    status: () => ({
      ...readyStateOf(machine.state, momentOf(clock), maxLagMs),
      ...{ replayed: mirror.replayed, total: mirror.total, position: mirror.position ?? null },
      spool: spoolStatusOf(options, parts.refusals),
      ...(options.sitesStatus && { sites: options.sitesStatus() }),
      ...(options.ringStatus && { ring: options.ringStatus() }),
    }),
  }
}

interface ReplicaParts {
  readonly machine: StateMachine
  readonly mirror: Mirror
  readonly queue: WriteQueue
  readonly conditional: ConditionalQueue
  readonly waits: PositionWaits
  readonly held: HeldBatch
  readonly shown: Shown
  readonly shownKeys: ShownKeys
  readonly slices: Slices
  readonly refusals: SpoolRefusals
  readonly expiry: Expiry
  readonly rounds: Rounds
  readonly loop: SessionLoop
}

/** Wires the parts together. Starts nothing. */
function assemble(options: ReplicaOptions, signal: AbortSignal): ReplicaParts {
  const { log, spool, spooling, limits, logger, clock = systemClock, random = systemRandom } = options
  const machine = makeStateMachine({ clock, logger, spools: spooling.on })
  const note = (key: string) => shownKeys.note(key)
  const mirror = makeMirror({
    ...options,
    onOthers(entry) {
      spool?.supersede(entry)
      expiry.noteOthers(entry)
    },
    onOwn: (entry) => spool?.noteOwn(entry),
    onKey: note,
    ring: makeRingTaker(options, {
      queues: () => [queue, conditional],
      onOwnsOthers: () => shownKeys.drop(),
    }),
  })
  const queue = makeWriteQueue(limits, clock)
  const conditional = makeConditionalQueue(mirror, log.now, limits, queue.wake, clock)
  const expiry = makeExpiry({
    ...{ mirror, spool, conditional, now: log.now, clock, random },
    mayAppend: () => may(machine.state, 'conditionalWrites'),
    onLapsed: (...key) => shownKeys.noteBytes(...key),
  })
  const waits = makePositionWaits({
    timeoutMs: options.waitTimeoutMs,
    hasSeen: (position) => hasSeen(mirror.view.seen, position),
    onWait: () => rounds.requestTail(),
    onAdvance: options.onAdvance,
    whyDown: () => whyLogIsDown(machine.state),
    clock,
  })
  const connector = makeConnector({
    ...{ log, signal, clock, random },
    firstTimeoutMs: options.connectTimeoutMs,
    onUnavailable: (error) => loseLog({ machine, conditional, waits }, error),
  })
  const refusals = makeSpoolRefusals(logger)
  const held = makeHeldBatch(clock, note)
  const shown = makeShown({ mirror, spool, held, now: log.now, ring: options.ring })
  const slices = makeSlices({ clock, ...options.slices })
  const shownKeys = makeShownKeys({ mirror, spool, shown, slices, lapse: expiry.lapse })
  spool?.onChange(note)
  const numbers = makeWriteNumbers(spool?.last ?? 0n)
  const batches = { queue, numbers, mirror, machine, spool, spools: spooling.on, held, refusals, clock }
  const rounds = makeRounds({ ...batches, conditional, waits, connector })
  const passing = passingOf(options)
  const outage = makeOutage({ ...batches, logger, passing, read: rounds.read, onDrained: options.onDrained })
  const { onReplayed, tailIntervalMs } = options
  const loop = makeSessionLoop({
    ...{ ...batches, conditional, waits, connector, rounds, outage },
    ...{ onReplayed, tailIntervalMs, logger },
  })
  const shows = { waits, held, shown, shownKeys, slices, refusals, expiry }
  return { machine, mirror, queue, conditional, ...shows, rounds, loop }
}
