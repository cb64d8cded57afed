import { wait } from '../disk.ts'
import type { Node } from '../node.ts'
import { type Lost, send } from '../requester.ts'
import { nodeName } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { isInRing } from './ring-clients.ts'
import type { RingServer } from './ring-network.ts'
import { addressOf, type RingFault, type RingPosition } from './ring-schedule.ts'

/** A person who changes the ring. */
export interface RingOperator {
  /** Asks a node once, by a name for what is asked. Returns `done`, or why not. */
  ask(node: Node, name: string, act: (ring: RingServer['ring']) => Promise<void>): Promise<string>
  /** Forms the ring, before anything goes wrong. Resolves with whether it was done. */
  form(positions: readonly RingPosition[]): Promise<boolean>
  /** Asks for a change, once. */
  change(fault: RingFault): void
}

export interface RingOperatorOptions {
  readonly nodes: readonly Node[]
  readonly lane: Lane
  readonly trace: Trace
}

/** An operator is patient. */
const timeoutMs = 120_000
const mostTries = 5

export function makeRingOperator({ nodes, lane, trace }: RingOperatorOptions): RingOperator {
  /** Returns `done`, or why not. */
  async function ask(node: Node, act: (ring: RingServer['ring']) => Promise<void>): Promise<string> {
    const server = node.server() as RingServer | undefined
    return send<string>(
      { server: () => server, lane, delay: () => 1, timeoutMs },
      () =>
        act((server as RingServer).ring).then(
          () => 'done',
          (error: Error) => error.message,
        ),
      (error: Lost) => error,
    )
  }

  return {
    async ask(node, name, act) {
      const answer = await ask(node, act)
      trace.add('operator', `${node.name}, ${name}: ${answer}`)
      return answer
    },
    async form(positions) {
      const [first] = nodes
      if (first === undefined) return false
      for (let tries = 1; tries <= mostTries; tries++) {
        const answer = await ask(first, (ring) => ring.replace(positionsOf(positions)))
        trace.add('operator', `forms the ring at ${first.name}: ${answer}`)
        if (answer === 'done') return true
        await wait(lane, 1_000)
      }
      return false
    },
    change(fault) {
      const node = nodes[fault.asked]
      if (node === undefined || !isInRing(node)) return
      void ask(node, (ring) => changeOf(fault, ring)).then((answer) =>
        trace.add('operator', `${nodeName(fault.asked)}, ${fault.kind}: ${answer}`),
      )
    },
  }
}

function changeOf(fault: RingFault, ring: RingServer['ring']): Promise<void> {
  switch (fault.kind) {
    case 'position added':
      return ring.add(fault.position, addressOf(fault.member))
    case 'member removed':
      return ring.remove(addressOf(fault.member))
    case 'ring replaced':
      return ring.replace(positionsOf(fault.positions))
    case 'change called off':
      return ring.callOff()
    case 'member lost':
      throw new Error('a member that is lost is no change that is asked for once')
  }
}

const positionsOf = (positions: readonly RingPosition[]) =>
  new Map(positions.map(([position, member]) => [position, addressOf(member)]))
