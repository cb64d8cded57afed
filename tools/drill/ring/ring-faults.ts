import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../lab/polling.ts'
import { type MemberService, postgresOf } from './member-names.ts'
import type { RingContext } from './ring-drill.ts'
import type { ChangeAnswer } from './ring-operator.ts'

/** Within this time after all run again, a change has ended, one way or the other. */
const boundSeconds = 60
/** What is taken for the time that a change takes before one was seen, in milliseconds. */
const firstSpan = 2_000

/** What is killed at once. */
export type Victim = 'node' | 'postgres' | 'machine'

/** A change that nothing happens to, but that it may be called off. */
export async function changeInPeace(context: RingContext): Promise<void> {
  const { operator, random, lasting, violation, counts, isTimed } = context
  await lasting('change', async () => {
    const changing = operator.change(random.fork(String(random.next())))
    const isCalledOff = random.chance(0.15)
    if (isCalledOff) {
      await sleep(random.between(0, span(context)))
      await operator.callOff(random)
    }
    const answer = await changing
    if (answer.status === 200 && !isCalledOff) counts.spans.push(answer.milliseconds)
    // A busy machine may keep a member's log from answering in time.
    const isExcused = (answer.status === 409 && isCalledOff) || (answer.status === 503 && !isTimed)
    if (answer.status !== 200 && !isExcused) violation(told(answer))
  })
  await settles(context, 'a change')
}

/** A change, in the midst of which something is killed, and started again. */
export async function killWhileChanging(context: RingContext, victim: Victim): Promise<void> {
  const { stack, operator, random, signal, pause, lasting, violation, counts } = context
  const { name } = random.pick(stack.nodes)
  const services: MemberService[] =
    victim === 'machine' ? [name, postgresOf(name)] : [victim === 'node' ? name : postgresOf(name)]
  const changing = operator.change(random.fork(String(random.next())))
  const delay = random.between(0, 1.1 * span(context))
  const callingOff = random.chance(0.1) ? callOffLater(context) : undefined
  await sleep(delay, undefined, { signal })
  if (await operator.isMoving()) counts.whileMoving++
  await lasting(`kill ${services.join(' ')}`, async () => {
    await stack.kill(...services)
    counts.kills++
    if (random.chance(0.8)) await pause(0, random.chance(0.15) ? 13 : 3)
    await stack.start(...services)
  })
  const what = `kill ${counts.kills} (${services.join(' ')}, ${Math.round(delay)} ms after a change was asked for)`
  const isSettled = settles(context, what)
  const [answer] = await Promise.all([changing, isSettled, callingOff])
  if (!mayBe(answer)) violation(told(answer))
}

async function callOffLater(context: RingContext): Promise<void> {
  const own = context.random.fork(`call off ${context.counts.kills}`)
  await sleep(own.between(0, span(context)))
  await context.operator.callOff(own)
}

/** Median of the changes that were seen, in milliseconds. */
function span({ counts: { spans } }: RingContext): number {
  return spans.toSorted((one, other) => one - other)[spans.length >> 1] ?? firstSpan
}

/** Done, called off, or a member of it is missing: 503 says so, as does a node that starts. */
const mayBe = ({ status }: ChangeAnswer) => [0, 200, 409, 503].includes(status)

const told = ({ what, node, status, text }: ChangeAnswer) => `${what} was answered ${status} at ${node}: ${text}`

/** Waits until no change is under way and all nodes know the same. That it does not come to this is a violation. */
export async function settles({ operator, signal, violation, counts }: RingContext, what: string): Promise<void> {
  const began = performance.now()
  let missing: string | undefined
  const isDone = async () => {
    missing = await operator.unsettled()
    return missing === undefined
  }
  if (await waitFor(isDone, { boundMs: 1000 * boundSeconds, everyMs: 100, signal })) {
    counts.slowest = Math.max(counts.slowest, (performance.now() - began) / 1000)
  } else violation(`${boundSeconds} s after ${what} the ring was not settled: ${missing}`)
}
