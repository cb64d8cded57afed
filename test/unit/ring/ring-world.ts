import { KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import type { RingLog } from '../../../kvs/log/index.ts'
import { type MemberClient, makeRingMember, type OwnNode, type RingMember } from '../../../kvs/ring/index.ts'
import { makeSeededRandom, type SeededRandom } from '../../../tools/lab/seeded-random.ts'
import { type Lane, makeScheduler, type Scheduler } from '../../../tools/simulator/scheduler.ts'
import { makeServiceRandom, makeVirtualClock } from '../../../tools/simulator/virtual-clock.ts'

/** An entry of a log: one on the ring, or one that gives a key a value or takes it away. */
type LogEntry =
  | { readonly kind: 'ring'; readonly text: string }
  | { readonly kind: 'put' | 'delete'; readonly key: string }

/** A member's log, with the rules by which a real one takes entries. It never fails. */
export interface WorldLog {
  readonly entries: LogEntry[]
  /** The slots whose keys it takes, as its newest entry on the ring says; undefined where it has none. */
  readonly owns: SlotRanges | undefined
  keys(): Set<string>
}

/** A node, which lives on a lane of virtual time until it is killed. */
interface WorldNode {
  readonly member: RingMember
  readonly lane: Lane
  readonly log: WorldLog
  /** How many entries of the log it has applied. */
  applied: number
  readonly stopping: AbortController
}

export interface RingWorld {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly lines: string[]
  /** What must never be, as `onEntry` has found it. */
  readonly violations: string[]
  logOf(address: string): WorldLog
  node(address: string): RingMember
  isUp(address: string): boolean
  kill(address: string): void
  start(address: string): void
  /** Writes a key at a node, as a client that the node would not pass on. Returns whether the log has taken it. */
  put(address: string, key: string): Promise<boolean>
  remove(address: string, key: string): Promise<boolean>
  /** Runs until the promise settles, for at most so many virtual milliseconds. */
  settle<T>(promise: Promise<T>, ms?: number): Promise<T>
  pass(ms: number): Promise<void>
}

const answerMs = 1_000

export interface WorldOptions {
  readonly seed?: number
  /** Addresses of the nodes, each with a log of its own. */
  readonly addresses: readonly string[]
  /** Called after each entry that a log has taken. */
  readonly onEntry?: (world: RingWorld) => void
}

/** Members of a ring in one process, on virtual time: their logs are real in what they refuse, and nothing else is. */
export function makeRingWorld({ seed = 1, addresses, onEntry }: WorldOptions): RingWorld {
  const scheduler = makeScheduler()
  const random = makeSeededRandom(seed, 'ring')
  const lines: string[] = []
  const logs = new Map(addresses.map((address) => [address, makeLog()]))
  const nodes = new Map<string, WorldNode>()
  const latency = () => random.integer(1, 20)

  /** Resolves after a while, unless the lane has ended by then. */
  const delay = (lane: Lane, ms = latency()) => new Promise<void>((resolve) => void lane.after(ms, resolve))

  function start(address: string): void {
    const lane = scheduler.lane()
    const log = logs.get(address) as WorldLog
    const stopping = new AbortController()
    const member = makeRingMember({
      self: address,
      node: nodeOf(address),
      ringLog: ringLogOf(address),
      connect: (to) => clientOf(address, to),
      stopping: stopping.signal,
      logger: { info: (line) => note(address, line), warn: (line) => note(address, line), error: () => undefined },
      clock: makeVirtualClock(scheduler, lane),
      random: makeServiceRandom(random),
    })
    nodes.set(address, { member, lane, log, applied: 0, stopping })
    applyAll(address)
    void member.run()
  }

  function note(address: string, line: string): void {
    lines.push(`${scheduler.now} ${address}: ${line}`)
  }

  /** Has a node apply all that its log has. */
  function applyAll(address: string): void {
    const node = nodes.get(address) as WorldNode
    for (const entry of node.log.entries.slice(node.applied)) {
      node.applied++
      if (entry.kind === 'ring') node.member.note({ sequence: BigInt(node.applied), text: entry.text })
    }
  }

  const live = (address: string) => nodes.get(address) as WorldNode

  function nodeOf(address: string): OwnNode {
    return {
      requireReadable: () => undefined,
      logId: () => address,
      sequence: () => BigInt(live(address).applied),
      async waitFor() {
        await delay(live(address).lane)
        applyAll(address)
      },
      async waitForHead() {
        await delay(live(address).lane)
        applyAll(address)
      },
      async countKeysIn(slots) {
        await delay(live(address).lane)
        return [...live(address).log.keys()].filter((key) => hasSlot(slots, slotOf(key))).length
      },
      spooled: () => 0,
    }
  }

  function ringLogOf(address: string): RingLog {
    return {
      async append(text, seen, vacated) {
        const { lane, log } = live(address)
        await delay(lane)
        const isOvertaken = log.entries
          .slice(Number(seen))
          .some((entry) => entry.kind === 'ring' || (entry.kind === 'put' && hasSlot(vacated, slotOf(entry.key))))
        if (!isOvertaken) take(log, { kind: 'ring', text })
        const sequence = BigInt(log.entries.length)
        await delay(lane)
        return isOvertaken ? undefined : { sequence, digest: Buffer.alloc(4), recordedAt: 0, stamp: 0 }
      },
    }
  }

  function take(log: WorldLog, entry: LogEntry): void {
    log.entries.push(entry)
    onEntry?.(world)
  }

  function clientOf(from: string, to: string): MemberClient {
    async function ask<T>(act: (member: RingMember) => T | Promise<T>): Promise<T> {
      const { lane } = live(from)
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const lost = new KvsError('cannot_forward', `${to} gives no answer`)
      void lane.after(world.isUp(to) ? answerMs : latency(), () => reject(lost))
      if (world.isUp(to)) {
        void live(to).lane.after(latency(), () => {
          Promise.resolve()
            .then(() => act(live(to).member))
            .then(
              (answer) => void lane.after(latency(), () => resolve(answer)),
              (error) => void lane.after(latency(), () => reject(error)),
            )
        })
      }
      return promise
    }
    return {
      state: () => ask((member) => member.state()),
      learn: (ring) => ask((member) => member.learn(ring)),
      give: (...asked) => ask((member) => member.give(...asked)),
      change: (asked) => ask((member) => member.change(asked)),
    }
  }

  async function write(address: string, entry: LogEntry & { key: string }): Promise<boolean> {
    const { lane, log, member, applied } = live(address)
    if (!member.owns(entry.key)) return false
    await delay(lane)
    // The fence: a session that has not seen the newest entry on the ring appends nothing.
    if (log.entries.slice(applied).some(({ kind }) => kind === 'ring')) return false
    take(log, entry)
    return true
  }

  const world: RingWorld = {
    scheduler,
    random,
    lines,
    violations: [],
    logOf: (address) => logs.get(address) as WorldLog,
    node: (address) => live(address).member,
    isUp: (address) => nodes.get(address)?.lane.isEnded === false,
    kill: (address) => live(address).lane.end(),
    start,
    put: (address, key) => write(address, { kind: 'put', key }),
    remove: (address, key) => write(address, { kind: 'delete', key }),
    async settle(promise, ms = 120_000) {
      let isOver = false
      promise.then(
        () => {
          isOver = true
        },
        () => {
          isOver = true
        },
      )
      await scheduler.run(() => isOver, scheduler.now + ms)
      if (!isOver) throw new Error(`no answer after ${ms} ms:\n${lines.join('\n')}`)
      return promise
    },
    async pass(ms) {
      await scheduler.run(() => false, scheduler.now + ms)
    },
  }
  for (const address of addresses) start(address)
  return world
}

function makeLog(): WorldLog {
  const entries: LogEntry[] = []
  return {
    entries,
    get owns() {
      const newest = entries.findLast(({ kind }) => kind === 'ring')
      return newest?.kind === 'ring' ? ringEntryIn(newest.text)?.owns : undefined
    },
    keys() {
      const keys = new Set<string>()
      for (const entry of entries) {
        if (entry.kind === 'put') keys.add(entry.key)
        if (entry.kind === 'delete') keys.delete(entry.key)
      }
      return keys
    },
  }
}

/** Whether an error says that a change was not made, and why. */
export const isRefusal = (error: unknown) => error instanceof KvsError && !(error instanceof NotOwner)
