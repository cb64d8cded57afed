import { setTimeout as sleep } from 'node:timers/promises'
import { makeSeededRandom } from '../../lab/seeded-random.ts'
import { secondsWithoutWrites } from '../checker/check.ts'
import type { End, RunOptions } from '../run.ts'
import { attempt, makeScript, type Notebook, repeatFaults } from '../script.ts'
import type { RingContext, RingCounts, RingDrill } from './ring-drill.ts'
import { changeInPeace, settles } from './ring-faults.ts'
import type { RingHistory } from './ring-history.ts'
import { makeOperator } from './ring-operator.ts'
import { allServe, readBack } from './ring-phases.ts'
import type { RingStack } from './ring-stack.ts'
import { judgeRing } from './ring-verdict.ts'
import { makeRingWorkload, type RingWorkloadOptions } from './ring-workload.ts'
import { longestWait } from './waits.ts'

export interface RingRunOptions extends Omit<RunOptions, 'makeStack' | 'env'>, Pick<RingWorkloadOptions, 'connect'> {
  readonly startStack: () => Promise<RingStack>
  /** Whether a drill's bound on time counts: not on a machine that has other work. */
  readonly isTimed?: boolean
  /** Number of bulk keys in place of the drill's own. */
  readonly bulk?: number
}

/**
 * A fresh ring, clients, faults; then all is healed, no change may be under way, and what clients saw is held against
 * all logs, and these against each other and against what every node serves, before and after one more SIGKILL. The
 * stack is gone when it settles. Rejects when aborted, or where there was no stack; whatever else goes wrong is a
 * violation.
 */
export async function runRingDrill(drill: RingDrill, options: RingRunOptions): Promise<End['result']> {
  const say = (step: string) => options.progress?.step(drill.name, step)
  options.signal?.throwIfAborted()
  say('starting members')
  const stack = await options.startStack()
  try {
    return await runOn(stack, drill, options, say)
  } finally {
    say('taking the members down')
    await stack.down()
  }
}

async function runOn(
  stack: RingStack,
  drill: RingDrill,
  options: RingRunOptions,
  say: (step: string) => void,
): Promise<End['result']> {
  const { seed, seconds, signal = new AbortController().signal, onEnd, connect } = options
  const isTimed = options.isTimed === true && drill.longestWait !== undefined
  const began = performance.now()
  const now = () => performance.now() - began
  const random = makeSeededRandom(seed, drill.name)
  const notebook: Notebook = { faults: [], violations: [], notes: [] }
  const { nodes } = stack
  const workload = makeRingWorkload({ nodes, seconds, random: random.fork('clients'), now, connect })
  const operator = makeOperator(nodes)
  const counts: RingCounts = { spans: [], kills: 0, whileMoving: 0, slowest: 0 }
  let deadline = Number.POSITIVE_INFINITY
  const script = makeScript({ notebook, now, deadline: () => deadline, random: random.fork('faults'), signal })
  const context: RingContext = { ...script, stack, workload, operator, isTimed, counts }
  const tell = (left: number) => {
    say(`${counts.kills} kills, ${operator.answers.length} changes, ${workload.acknowledged} writes, ${left} s to go`)
  }

  let secondsUntilReady: number | null = null
  let found: Pick<RingHistory, 'logs' | 'views'> = { logs: [], views: [] }
  let busyFrom = 0
  try {
    say('waiting for the members')
    if (await allServe(context)) {
      await operator.form()
      say('putting the first keys')
      await workload.preload(options.bulk ?? drill.bulk)
      busyFrom = now()
      workload.start()
      // What a change takes, for the moments of kills.
      for (let first = 0; first < 2; first++) await changeInPeace(context)
      deadline = now() + 1000 * seconds
      await attempt(context, 'the drill', () => repeatFaults(context, () => drill.fault(context), tell))
      say('healing')
      await attempt(context, 'healing', () => stack.heal())
      const ended = now()
      if (await allServe(context)) {
        await settles(context, 'the end')
        secondsUntilReady = (now() - ended) / 1000
      }
      await sleep(1_000, undefined, { signal })
      await workload.stop()
      await attempt(context, 'reading logs and views', async () => {
        found = await readBack(context, say)
      })
    }
  } finally {
    // Where it was aborted; what is under way ends with the stack.
    void workload.stop()
  }

  const { operations, additions, repetitions } = workload
  say(`checking ${operations.length} operations`)
  const { tally, log, ...verdict } = judgeRing({ operations, additions, repetitions, ...found })
  const { faults, notes } = notebook
  const wait = longestWait([...operations, ...additions].filter(({ invoked }) => invoked >= busyFrom))
  notes.push(tally, tellCounts(context), `the longest time without an answer for a key was ${tellWait(wait)}`)
  const violations = [...notebook.violations, ...verdict.violations]
  const { longestWait: bound } = drill
  if (isTimed && bound !== undefined && wait !== undefined && wait.seconds > bound) {
    violations.push(`a key was without an answer for ${tellWait(wait)}, over ${bound} s`)
  }
  const result: End['result'] = {
    ...{ drill: drill.name, seed, seconds: Math.round(now() / 1000), faults: faults.length, ...verdict, violations },
    ...{ secondsWithoutWrites: secondsWithoutWrites(operations), secondsUntilReady, notes },
    passed: violations.length === 0 && verdict.lost === 0 && verdict.torn === 0 && secondsUntilReady !== null,
  }
  const ofRing = { additions, repetitions, logs: found.logs, changes: operator.answers }
  const history = { operations, log, views: found.views.map(({ values }) => values), faults, ...ofRing }
  await onEnd?.({ result, history, output: await stack.output().catch(String) })
  return result
}

function tellWait(wait: ReturnType<typeof longestWait>): string {
  return wait ? `${wait.seconds.toFixed(3)} s (${wait.key}, ${(wait.from / 1000).toFixed(3)} s into the drill)` : 'none'
}

function tellCounts({ counts, operator }: RingContext): string {
  const { kills, whileMoving, slowest, spans } = counts
  const answers = Map.groupBy(operator.answers, ({ status }) => status || 'no answer')
  const told = [...answers].map(([status, all]) => `${status} ${all.length} times`).join(', ')
  const median = spans.toSorted((one, other) => one - other)[spans.length >> 1] ?? 0
  return (
    `${kills} kills, ${whileMoving} of them while a change was under way; changes were answered ${told}; ` +
    `half of those in peace took over ${(median / 1000).toFixed(1)} s, and the ring was settled at most ` +
    `${slowest.toFixed(1)} s after all ran again`
  )
}
