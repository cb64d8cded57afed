import { KvsError } from '../../../kvs/core/errors.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { hasSlot } from '../../../kvs/core/ring/slot-ranges.ts'
import type { RingLog } from '../../../kvs/log/index.ts'
import { type MemberClient, makeRingMember, type OwnNode, type RingMember } from '../../../kvs/ring/index.ts'
import { makeSeededRandom, type SeededRandom } from '../../../tools/lab/seeded-random.ts'
import { type Lane, makeScheduler, type Scheduler } from '../../../tools/simulator/scheduler.ts'
import { makeServiceRandom, makeVirtualClock } from '../../../tools/simulator/virtual-clock.ts'
import { isOvertaken, type LogEntry, makeWorldLog, type WorldLog } from './world-log.ts'

/** A node, which lives on a lane of virtual time until it is killed. */
interface WorldNode {
  readonly member: RingMember
  readonly lane: Lane
  /** How many entries of the log it has applied. */
  applied: number
  spooled: number
}

/** What goes wrong between nodes, and on the way to a log. */
export interface Faults {
  /** Some messages arrive once more, up to half a minute later. */
  readonly repeats: boolean
  /** Some messages take longer than is waited for an answer. */
  readonly delays: boolean
  /** Some appends to a log get no answer, or land long after. */
  readonly losesAppends: boolean
  /** Some nodes apply what their log has with a delay of seconds. */
  readonly lags: boolean
}

export interface WorldOptions {
  readonly seed?: number
  /** Addresses of the members. */
  readonly addresses: readonly string[]
  /** Another address at which a member is reached. */
  readonly alias?: readonly [alias: string, address: string] | undefined
  /** How many nodes each member's log has, behind its address. */
  readonly nodes?: number
  readonly faults?: Partial<Faults>
  /** Called after each entry that a log has taken. */
  readonly onEntry?: (world: RingWorld) => void
}

export interface RingWorld {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly lines: string[]
  /** What must never be, as `onEntry` has found it. */
  readonly violations: string[]
  /** Names of all nodes: the address, where its log has one alone. */
  readonly names: readonly string[]
  logOf(address: string): WorldLog
  /** Puts another log in the place of a member's, and starts its nodes anew. */
  restore(address: string, entries: readonly LogEntry[]): void
  node(name: string): RingMember
  isUp(name: string): boolean
  kill(name: string): void
  start(name: string): void
  /** Has a node say that so many writes wait in its spool. */
  spool(name: string, writes: number): void
  /** Writes a key at a node, as a client that the node would not pass on. Returns whether the log has taken it. */
  put(name: string, key: string): Promise<boolean>
  remove(name: string, key: string): Promise<boolean>
  /** Runs until the promise settles, for at most so many virtual milliseconds. */
  settle<T>(promise: Promise<T>, ms?: number): Promise<T>
  pass(ms: number): Promise<void>
}

const answerMs = 1_000

/** Members of a ring in one process, on virtual time: their logs are real in what they refuse, and nothing else is. */
export function makeRingWorld(options: WorldOptions): RingWorld {
  const { seed = 1, addresses, alias, nodes: perLog = 1, faults = {}, onEntry } = options
  const scheduler = makeScheduler()
  const random = makeSeededRandom(seed, 'ring')
  const lines: string[] = []
  const logs = new Map(addresses.map((address) => [address, makeWorldLog()]))
  const nodes = new Map<string, WorldNode>()
  const namesOf = (address: string) =>
    perLog === 1 ? [address] : Array.from({ length: perLog }, (_, index) => `${address}#${index}`)
  const names = addresses.flatMap(namesOf)
  const addressOf = (name: string) => name.split('#')[0] as string
  const logOf = (name: string) => logs.get(addressOf(name)) as WorldLog
  const live = (name: string) => nodes.get(name) as WorldNode
  const isUp = (name: string) => nodes.get(name)?.lane.isEnded === false
  const happens = (fault: keyof Faults, oneIn: number) => faults[fault] === true && random.integer(1, oneIn) === 1
  const latency = () => (happens('delays', 10) ? random.integer(1, 4_000) : random.integer(1, 20))

  /** Resolves after a while, unless the lane has ended by then. */
  const delay = (lane: Lane, ms = latency()) => new Promise<void>((resolve) => void lane.after(ms, resolve))
  const note = (name: string, line: string) => void lines.push(`${scheduler.now} ${name}: ${line}`)

  function start(name: string): void {
    const lane = scheduler.lane()
    const member = makeRingMember({
      self: addressOf(name),
      node: nodeOf(name),
      ringLog: ringLogOf(name),
      connect: (to) => clientOf(name, to),
      stopping: new AbortController().signal,
      logger: { info: (line) => note(name, line), warn: (line) => note(name, line), error: () => undefined },
      clock: makeVirtualClock(scheduler, lane),
      random: makeServiceRandom(random),
    })
    nodes.set(name, { member, lane, applied: 0, spooled: 0 })
    tail(name)
    void member.run()
  }

  /** Has a node apply all that its log has. */
  function applyAll(name: string): void {
    const node = live(name)
    for (const entry of logOf(name).entries.slice(node.applied)) {
      node.applied++
      if (entry.kind === 'ring') node.member.note({ sequence: BigInt(node.applied), text: entry.text })
    }
  }

  /** A node of several hears of what the others have appended after a while. */
  function tail(name: string): void {
    applyAll(name)
    const ms = happens('lags', 5) ? random.integer(100, 6_000) : random.integer(5, 60)
    if (perLog > 1 || faults.lags === true) live(name).lane.after(ms, () => tail(name))
  }

  function nodeOf(name: string): OwnNode {
    async function catchUp(): Promise<void> {
      await delay(live(name).lane)
      applyAll(name)
    }
    return {
      requireReadable: () => undefined,
      logId: () => addressOf(name),
      sequence: () => BigInt(live(name).applied),
      waitFor: catchUp,
      waitForHead: catchUp,
      async countKeysIn(slots) {
        await delay(live(name).lane)
        return [...logOf(name).keys()].filter((key) => hasSlot(slots, slotOf(key))).length
      },
      spooled: () => live(name).spooled,
    }
  }

  function ringLogOf(name: string): RingLog {
    return {
      async append(text, seen, vacated) {
        const { lane } = live(name)
        const log = logOf(name)
        await delay(lane)
        const session = ++log.sessions
        // Nothing lands for a session once another one has taken its place.
        const land = () => {
          if (log.sessions !== session || isOvertaken(log, seen, vacated)) return false
          take(log, { kind: 'ring', text })
          return true
        }
        if (happens('losesAppends', 20)) {
          scheduler.lane().after(random.integer(1, 12_000), land)
          await delay(lane, 500)
          throw new KvsError('undecided')
        }
        const hasLanded = land()
        const sequence = BigInt(log.entries.length)
        await delay(lane)
        return hasLanded ? { sequence, digest: Buffer.alloc(4), recordedAt: 0, stamp: 0 } : undefined
      },
    }
  }

  function take(log: WorldLog, entry: LogEntry): void {
    log.entries.push(entry)
    onEntry?.(world)
  }

  /** One of the nodes at an address that are up, as a balancer chooses. */
  function reached(address: string): string | undefined {
    const up = namesOf(address).filter(isUp)
    return up[random.integer(0, Math.max(0, up.length - 1))]
  }

  function clientOf(from: string, to: string): MemberClient {
    async function ask<T>(act: (member: RingMember) => Promise<T>): Promise<T> {
      const { lane } = live(from)
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const name = reached(to === alias?.[0] ? alias[1] : to)
      lane.after(name === undefined ? latency() : answerMs, () => {
        reject(new KvsError('cannot_forward', `the ring needs ${to}: it gives no answer`))
      })
      if (name === undefined) return promise
      live(name).lane.after(latency(), () => {
        act(live(name).member).then(
          (answer) => void lane.after(latency(), () => resolve(answer)),
          (error) => void lane.after(latency(), () => reject(error)),
        )
      })
      if (happens('repeats', 5)) {
        scheduler.lane().after(random.integer(100, 30_000), () => {
          const late = reached(to)
          if (late !== undefined) act(live(late).member).catch(() => undefined)
        })
      }
      return promise
    }
    return {
      state: () =>
        ask(async (member) => {
          await member.catchUp()
          return member.state()
        }),
      learn: (ring) => ask((member) => member.learn(ring)),
      give: (...asked) => ask((member) => member.give(...asked)),
      change: (asked) => ask((member) => member.change(asked)),
    }
  }

  async function write(name: string, entry: LogEntry & { key: string }): Promise<boolean> {
    const { lane, member, applied } = live(name)
    if (!member.owns(entry.key)) return false
    await delay(lane)
    // The fence: a session that has not seen the newest entry on the ring appends nothing.
    if (
      logOf(name)
        .entries.slice(applied)
        .some(({ kind }) => kind === 'ring')
    )
      return false
    take(logOf(name), entry)
    return true
  }

  const world: RingWorld = {
    ...{ scheduler, random, lines, names, isUp, start },
    violations: [],
    logOf,
    restore(address, entries) {
      for (const name of namesOf(address)) if (isUp(name)) world.kill(name)
      logs.set(address, makeWorldLog(entries))
      for (const name of namesOf(address)) start(name)
    },
    node: (name) => live(name).member,
    kill: (name) => live(name).lane.end(),
    spool(name, writes) {
      live(name).spooled = writes
    },
    put: (name, key) => write(name, { kind: 'put', key }),
    remove: (name, key) => write(name, { kind: 'delete', key }),
    async settle(promise, ms = 120_000) {
      let isOver = false
      const end = () => {
        isOver = true
      }
      promise.then(end, end)
      await scheduler.run(() => isOver, scheduler.now + ms)
      if (!isOver) throw new Error(`no answer after ${ms} ms:\n${lines.join('\n')}`)
      return promise
    },
    async pass(ms) {
      await scheduler.run(() => false, scheduler.now + ms)
    },
  }
  for (const name of names) start(name)
  return world
}
