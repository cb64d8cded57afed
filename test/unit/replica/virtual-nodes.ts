import { expect, onTestFinished } from 'vitest'
import type { Write } from '../../../kvs/core/entry.ts'
import { type Fate, type Message, makeMemoryLog, makeMemoryServer } from '../../../kvs/log/memory/index.ts'
import { makeReplica } from '../../../kvs/replica/replica.ts'
import type { ReplicaOptions } from '../../../kvs/replica/replica-options.ts'
import { openSpool } from '../../../kvs/spool/index.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'
import { type Disk, makeDisk } from '../../../tools/simulator/disk.ts'
import { makeScheduler } from '../../../tools/simulator/scheduler.ts'
import { makeServiceRandom, makeVirtualClock } from '../../../tools/simulator/virtual-clock.ts'

export const quiet = () => undefined
export const logger = { info: quiet, warn: quiet, error: quiet }
export const limits = { maxWrites: 10_000, maxBytes: 1e9, timeoutMs: 3_000, graceMs: 6_000 }

/** Nodes on a log in memory, on virtual time. */
export function makeWorld(seed = 1) {
  const scheduler = makeScheduler()
  const lane = scheduler.lane()
  const clock = makeVirtualClock(scheduler, lane, 12_345)
  const server = makeMemoryServer({ clock })
  const random = makeSeededRandom(seed, 'world')
  let nodes = 0

  /** Runs until the condition holds. */
  async function until(condition: () => boolean, withinMs = 60_000): Promise<void> {
    if (!(await scheduler.run(condition, scheduler.now + withinMs))) expect.fail('it never came to that')
  }

  /** Runs until the promise is settled. */
  async function settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const note = () => {
      isSettled = true
    }
    promise.then(note, note)
    await until(() => isSettled)
    return promise
  }

  /** Runs for so long. */
  async function pass(ms: number): Promise<void> {
    let isOver = false
    lane.after(ms, () => {
      isOver = true
    })
    await until(() => isOver, ms + 1)
  }

  function newDisk(): Disk {
    const name = `node ${nodes}`
    return makeDisk({ name, writerId: `writer ${nodes}`, flushMs: 1, random: random.fork(`${name}'s disk`) })
  }

  /** @param earlier a node that was killed, whose disk the new one has */
  async function start(options: Partial<ReplicaOptions> = {}, earlier?: { readonly disk: Disk }) {
    const name = `node ${++nodes}`
    const own = scheduler.lane()
    const disk = earlier?.disk ?? newDisk()
    const { writerId, spoolStorage } = disk.lock(own)
    const nodeClock = makeVirtualClock(scheduler, own, -nodes * 1_000_000)
    const spool = await settled(openSpool({ storage: spoolStorage, maxBytes: 1e9 }))
    const node = {
      /** One way, for all but notifications. */
      delay: (_: Message): number => 1,
      fate: (_: Message): Fate => 'arrives',
    }
    const network = {
      carry: (message: Message) =>
        new Promise<Fate>((resolve) => own.after(node.delay(message), () => resolve(node.fate(message)))),
    }
    const serviceRandom = makeServiceRandom(random.fork(name))
    const store = makeReplica({
      log: makeMemoryLog({
        ...{ server, network, clock: nodeClock, random: serviceRandom, writerId },
        ...{ timeoutMs: 2_000, appendTimeoutMs: 3_000 },
      }),
      ...{ spool, limits, logger, clock: nodeClock, random: serviceRandom, connectTimeoutMs: undefined },
      spooling: { on: true, reason: null, maxBytes: 1e9 },
      ...{ onReplayed: quiet, tailIntervalMs: 500, waitTimeoutMs: 5_000, maxLagMs: 5_000 },
      ...options,
    })
    void store.run()
    await until(() => store.status().state === 'serving')
    return Object.assign(node, {
      ...{ store, disk },
      kill: () => own.end(),
      shows: (key: string) => store.get(key)?.value.toString(),
      put: (key: string, ttlMs?: number, value = 'v') => settled(store.write(putFor(store.now(), key, ttlMs, value))),
    })
  }

  const now = () => Math.floor(clock.wallTime())
  const expiries = () => server.entries.filter(({ value, deadline }) => value === undefined && deadline !== undefined)
  onTestFinished(() => lane.end())
  return { scheduler, server, start, until, settled, pass, now, expiries }
}

/** A put whose key ends after a while; never without `ttlMs`. */
export function putFor(now: number, key: string, ttlMs: number | undefined, value: string): Write {
  const deadline = ttlMs === undefined ? undefined : now + ttlMs
  return { kind: 'put', key, value: Buffer.from(value), contentType: undefined, deadline }
}
