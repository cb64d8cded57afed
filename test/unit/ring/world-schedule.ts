import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import type { RingMember } from '../../../kvs/ring/index.ts'
import { makeRingWorld, type RingWorld, type WorldOptions } from './ring-world.ts'
import { makeEntryChecker, noteMisplacedKeys, noteUnsettledRings } from './world-checker.ts'
import { startClients } from './world-clients.ts'
import { makeTruth } from './world-truth.ts'

export const addresses = ['10.0.0.3:5000', '10.0.0.4:5000', '10.0.0.5:5000', '10.0.0.6:5000', '10.0.0.7:5000']
const keys = Array.from({ length: 15 }, (_, index) => `key${index}`)

/** What came of a schedule. */
export interface MovesRun {
  readonly world: RingWorld
  /** How many keys have come to another owner, and what clients did meanwhile. */
  readonly moved: number
  readonly writes: number
  readonly reads: number
}

export type ScheduleOptions = Omit<WorldOptions, 'addresses' | 'onEntry'>

/** A ring that is changed, whose nodes are killed, and whose clients write all the time, as a seed chooses. */
export async function runMoves(options: ScheduleOptions): Promise<MovesRun> {
  const truth = makeTruth(keys)
  const checker = makeEntryChecker(truth)
  const world = makeRingWorld({ ...options, addresses, onEntry: checker.onEntry })
  const { random, names, parts } = world
  await form(world)
  const clients = startClients({ world, truth })
  await world.pass(1_000)
  for (let step = 0; step < 40; step++) {
    const dice = random.integer(0, 19)
    const name = random.pick(names)
    if (!world.isUp(name)) {
      if (dice >= 8) world.start(name)
    } else if (dice <= 4) {
      change(world, name)
      if (random.chance(0.3)) {
        await world.pass(random.integer(50, 800))
        if (world.isUp(name)) callOff(world, name)
      }
    } else if (dice === 5) callOff(world, name)
    else if (dice <= 8) world.kill(name)
    await world.pass(random.integer(1, 300))
    if (dice >= 17) await world.pass(random.integer(0, 5_000))
  }
  for (const name of names) if (!world.isUp(name)) world.start(name)
  await world.pass(3_000)
  clients.stop()
  await world.pass(30_000)
  parts.isCalm = true
  await world.pass(60_000)
  if (noteUnsettledRings(world).size !== 1) world.violations.push('there is not one ring')
  noteMisplacedKeys(world, truth)
  return { world, moved: checker.moved, ...clients.done }
}

/** A position, at the slot of a key often, so that keys are at the very end of what moves. */
function anyPosition({ random }: RingWorld): number {
  return random.chance(0.5) ? slotOf(random.pick(keys)) : random.integer(0, 9_999)
}

function anyPositions(world: RingWorld, most: number): Map<number, string> {
  const count = world.random.integer(1, most)
  return new Map(Array.from({ length: count }, () => [anyPosition(world), world.random.pick(addresses)]))
}

/** Forms the ring, at its first node. Nothing goes wrong yet. */
async function form(world: RingWorld): Promise<void> {
  world.parts.isCalm = true
  await world.settle(world.node(world.names[0] as string).replace(anyPositions(world, 3)))
  world.parts.isCalm = false
}

/** Asks a node for a change, where it is in the ring: another one could form a second ring. */
function change(world: RingWorld, name: string): void {
  const { random } = world
  const node = world.node(name)
  if (node.current() === undefined) return
  const kind = random.integer(0, 5)
  if (kind <= 2) ask(world, name, 'add', (to) => to.add(anyPosition(world), random.pick(addresses)))
  else if (kind <= 4) ask(world, name, 'remove', (to) => to.remove(random.pick(addresses)))
  else ask(world, name, 'replace', (to) => to.replace(anyPositions(world, 4)))
}

function callOff(world: RingWorld, name: string): void {
  if (world.node(name).current() !== undefined) ask(world, name, 'call off', (to) => to.callOff())
}

function ask(world: RingWorld, name: string, what: string, act: (member: RingMember) => Promise<void>): void {
  world.note(name, `is asked to ${what}`)
  act(world.node(name)).then(
    () => world.note(name, `has done: ${what}`),
    (error) => world.note(name, `can’t ${what}: ${error.message}`),
  )
}
