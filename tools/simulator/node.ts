import type { Status } from '../../kvs/kv/index.ts'
import type { Log } from '../../kvs/log/index.ts'
import { type MemoryLogOptions, type MemoryServer, makeMemoryLog } from '../../kvs/log/memory/index.ts'
import { makeReplica } from '../../kvs/replica/index.ts'
import { makeTakeover } from '../../kvs/slots/index.ts'
import { openSpool } from '../../kvs/spool/index.ts'
import type { SeededRandom } from '../lab/seeded-random.ts'
import { type Disk, wait } from './disk.ts'
import type { Link } from './link.ts'
import type { Plants } from './plants.ts'
import { makeProcess, type Process, serverOf } from './process.ts'
import type { Server } from './requester.ts'
import { makeNodeRing, type RingPlace } from './ring/node-ring.ts'
import type { Lane, Scheduler } from './scheduler.ts'
import { makeNodeSite, type NodeSite } from './sites/node-site.ts'
import { makeSlots } from './slots.ts'
import type { Trace } from './trace.ts'
import { makeServiceRandom, makeVirtualClock } from './virtual-clock.ts'

/** A machine that runs the service, one process after another. */
export interface Node {
  readonly name: string
  readonly disk: Disk
  readonly link: Link
  /** The process that listens; undefined while there is none. */
  server(): Server | undefined
  /** Undefined while no process listens. */
  status(): Status | undefined
  /** Sequence of the last entry applied; undefined while no process listens. */
  applied(): bigint | undefined
  /** Does nothing where a process runs. */
  start(): void
  /** SIGKILL. */
  kill(): void
  /** SIGTERM. Resolves when the process is gone, by itself or by a SIGKILL after the shutdown timeout. */
  stop(): Promise<void>
  pause(): void
  resume(): void
  /** Sets the machine's wall clock. */
  jumpClock(ms: number): void
}

export interface NodeOptions {
  readonly name: string
  readonly scheduler: Scheduler
  /** The lane of all that no process owns. */
  readonly world: Lane
  readonly logServer: MemoryServer
  readonly disk: Disk
  readonly link: Link
  /** The slots of nodes that are gone for ever. */
  readonly orphans: readonly Disk[]
  readonly spools: boolean
  readonly random: SeededRandom
  readonly trace: Trace
  readonly plants: Plants
  /** Undefined where the log is no site's. */
  readonly site?: NodeSite | undefined
  /** Undefined where there is no ring. */
  readonly ring?: RingPlace | undefined
  /** Told what must not be. */
  readonly violation: (sentence: string) => void
}

/** As the drills set them. */
const timeouts = { log: 2_000, append: 3_000, wait: 5_000, waitOfSite: 500, tail: 1_000, lag: 5_000, shutdown: 10_000 }
/** Small, so that a page ends in the midst of things. */
const pageLimits = { entries: 7, bytes: 64 * 1024 }
const restartMs = 1_000
/** Long, so that much happens while the keys are put in order. */
const longestPauseMs = 100
const maxSpoolBytes = 1024 * 1024 * 1024

export function makeNode(options: NodeOptions): Node {
  const { name, scheduler, trace, random, violation } = options
  let process: Process | undefined
  let starts = 0
  let clockAhead = 0

  function start(): void {
    if (process) return
    trace.add(name, 'starts')
    options.plants.restart?.(options.logServer)
    const lane = scheduler.lane()
    const started = makeProcess(lane, makeVirtualClock(scheduler, lane, clockAhead))
    process = started
    runProcess(options, started, random.fork(`process ${++starts}`)).catch((error) => fail(started, error))
  }

  /** A process that cannot read its spool ends, and is started again by whoever watches over it. */
  function fail(failed: Process, error: unknown): void {
    if (failed.lane.isEnded) return
    const sentence = `ended by itself: ${error instanceof Error ? error.message : String(error)}`
    trace.add(name, sentence)
    if (!options.disk.faults.has('disk fails')) violation(`${name} ${sentence}`)
    end(failed)
    options.world.after(restartMs, start)
  }

  function end(ended: Process): void {
    ended.lane.end()
    if (process === ended) process = undefined
    if (options.site ?? options.ring) options.link.leave(ended.lane)
    options.site?.network.leave(ended.lane)
    for (const tell of [...ended.waiting, ...ended.followers]) tell()
    ended.gone.resolve()
  }

  return {
    name,
    disk: options.disk,
    link: options.link,
    server: () => (process?.isListening && process.kv ? serverOf(process, process.kv) : undefined),
    status: () => process?.store?.status(),
    applied: () => process?.store?.followed.sequence(),
    start,
    kill() {
      if (!process) return
      trace.add(name, 'is killed')
      end(process)
    },
    async stop() {
      const stopping = process
      if (!stopping) return
      stopping.lane.after(timeouts.shutdown, () => end(stopping))
      void stopProcess(stopping).then(() => end(stopping))
      await stopping.gone.promise
    },
    pause: () => process?.lane.pause(),
    resume: () => process?.lane.resume(),
    jumpClock(ms) {
      clockAhead += ms
      process?.clock.jump(ms)
    },
  }
}

/** As roles/node.ts does it: a slot, a store on it, the takeover of what others have left behind. */
async function runProcess(options: NodeOptions, process: Process, random: SeededRandom): Promise<void> {
  const { name, disk, trace, plants, spools } = options
  const { lane, clock } = process
  const serviceRandom = makeServiceRandom(random)
  const lock = disk.lock(lane)
  const opened = await openSpool({ storage: lock.spoolStorage, maxBytes: maxSpoolBytes })
  const spool = plants.spool?.(opened) ?? opened
  const pauses = random.fork('slices')
  const tell = (message: string) => trace.add(name, message)
  const logger = { info: tell, warn: tell, error: tell }
  const parts = { lane, clock, random, timeouts, pageLimits, logger, process }
  const site = options.site && makeNodeSite({ ...options, site: options.site }, parts)
  process.sites = site?.sites
  const ring = options.ring && makeNodeRing({ ...options, ring: options.ring }, { ...parts, writerId: lock.writerId })
  process.ring = ring?.member
  const store = makeReplica({
    ...site?.replicaOptions,
    ...ring?.replicaOptions,
    ...{ log: logFor(options, process, random, { writerId: lock.writerId }), spool, clock, logger },
    ...{ random: serviceRandom, connectTimeoutMs: undefined },
    spooling: { on: spools, reason: spools ? null : 'KVS_WHEN_LOG_IS_DOWN=refuse', maxBytes: maxSpoolBytes },
    limits: {
      ...{ maxWrites: 10_000, maxBytes: 256 * 1024 * 1024, timeoutMs: timeouts.append },
      graceMs: spools ? 2 * timeouts.append : 0,
    },
    ...{
      tailIntervalMs: timeouts.tail,
      waitTimeoutMs: site ? timeouts.waitOfSite : timeouts.wait,
      maxLagMs: timeouts.lag,
    },
    hashSecret: Buffer.from('secret 1'),
    slices: { sliceSteps: 1, pause: (next) => void lane.after(pauses.between(0.1, longestPauseMs), next) },
    onReplayed(logId) {
      lock.saveLog(logId)
      const takeover = makeTakeover({
        ...{ slots: makeSlots(disk, options.orphans, lane), ownSlot: 1, clock, random: serviceRandom, logger },
        logOf: (writerId) => logFor(options, process, random, { writerId, mustBeKnown: true, knownLogId: () => logId }),
        isServing: () => store.status().state === 'serving',
        ...(ring && { passOn: ring.passOn }),
      })
      void takeover.run(logId, new AbortController().signal)
      void site?.sites.run(process.stopping.signal)
      void ring?.member.run()
    },
  })
  process.store = store
  process.kv = plants.kv?.(store, clock) ?? store
  process.isListening = true
  await store.run()
}

function logFor(
  { name, logServer, link, plants }: NodeOptions,
  { lane, clock }: Process,
  random: SeededRandom,
  identity: Pick<MemoryLogOptions, 'writerId'> & Partial<MemoryLogOptions>,
): Log {
  const log = makeMemoryLog({
    ...{ server: logServer, network: link.networkFor(lane), clock, random: makeServiceRandom(random.fork(name)) },
    ...{ timeoutMs: timeouts.log, appendTimeoutMs: timeouts.append, pageLimits, ...identity },
  })
  return plants.log?.(log, clock) ?? log
}

/** New connections are refused at once, requests under way are answered, then the store ends. */
async function stopProcess(process: Process): Promise<void> {
  process.isListening = false
  process.store?.announceStop()
  process.stopping.abort()
  while (process.waiting.size > 0) await wait(process.lane, 5)
  await process.store?.stop()
}
