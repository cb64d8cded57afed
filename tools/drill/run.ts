import { makeSeededRandom } from '../lab/seeded-random.ts'
import { checkHistory } from './checker/check.ts'
import { makeContext } from './context.ts'
import type { Drill } from './drill.ts'
import type { History } from './history.ts'
import { putOnFaults, type Run, readBack, recover, serves } from './phases.ts'
import type { Progress } from './progress.ts'
import type { Result } from './report.ts'
import { attempt, type Notebook } from './script.ts'
import type { Stack, StackOptions } from './stack/stack.ts'
import { tally } from './tally.ts'
import { makeWorkload } from './workload/clients.ts'
import { makeTellers } from './workload/tellers.ts'

export interface RunOptions {
  readonly seed: number
  /** Least time for which faults are injected; the last one is always finished. */
  readonly seconds: number
  readonly makeStack: (options: StackOptions) => Promise<Stack>
  /** Settings of each node. */
  readonly env?: Readonly<Record<string, string>>
  readonly progress?: Progress
  readonly signal?: AbortSignal
  /** Receives what happened, before the stack is taken down. */
  readonly onEnd?: (end: End) => Promise<void> | void
}

export interface End {
  readonly result: DrillResult
  readonly history: History
  /** Log lines of all nodes. */
  readonly output: string
}

export interface DrillResult extends Result {
  /** Sentences for below the table. */
  readonly notes: readonly string[]
}

/**
 * A fresh stack, clients, faults; then all is healed, and what the clients saw is held against the log and against what
 * the node serves, before and after one more SIGKILL. The stack is gone when it settles. Rejects when aborted, or where
 * there was no stack to do the drill on; whatever else goes wrong is a violation.
 */
export async function runDrill(drill: Drill, options: RunOptions): Promise<DrillResult> {
  const { progress, env, makeStack } = options
  const say = (step: string) => progress?.step(drill.name, step)
  options.signal?.throwIfAborted()
  say('starting a stack')
  const stack = await makeStack({ ...drill.stack, env: { ...drill.stack?.env, ...env } })
  try {
    return await runOn(stack, drill, options, say)
  } finally {
    say('taking the stack down')
    await stack.down()
  }
}

async function runOn(
  stack: Stack,
  drill: Drill,
  { seed, seconds, signal = new AbortController().signal, onEnd }: RunOptions,
  say: (step: string) => void,
): Promise<DrillResult> {
  const began = performance.now()
  const now = () => performance.now() - began
  const random = makeSeededRandom(seed, drill.name)
  const { nodes, forwarders } = stack
  const workload = makeWorkload({ nodes, forwarders, seconds, random: random.fork('clients'), now })
  const tellers = drill.transfers && makeTellers({ nodes, ...drill.transfers, random: random.fork('tellers'), now })
  const notebook: Notebook = { faults: [], violations: [], notes: [] }
  let deadline = Number.POSITIVE_INFINITY
  const given = { stack, workload, signal, random: random.fork('faults') }
  const context = makeContext({ ...given, notebook, now, deadline: () => deadline })
  const run: Run = { drill, context, workload, tellers, notebook, now, say }

  let secondsUntilReady: number | null = null
  let found: Pick<History, 'log' | 'views'> = { log: [], views: [] }
  try {
    say('waiting for the node')
    if (await serves(run)) {
      await attempt(context, 'the preparation', async () => drill.prepare?.(context))
      workload.start()
      tellers?.start()
      deadline = now() + 1000 * seconds
      await attempt(context, 'the drill', () => putOnFaults(run))
      secondsUntilReady = await recover(run)
      await Promise.all([workload.stop(), tellers?.stop()])
      found = await readBack(run)
    }
  } finally {
    // Where it was aborted; what is under way ends with the stack.
    void workload.stop()
    void tellers?.stop()
  }

  const { faults, notes } = notebook
  say(`checking ${workload.operations.length} operations`)
  const { transfers, balances } = tellers ?? {}
  const history: History = {
    ...{ operations: workload.operations, faults, ...found },
    ...(transfers && { transfers }),
    ...(balances && { balances }),
  }
  const severalNodes = stack.nodes.length > 1
  const verdict = checkHistory(history, { severalNodes })
  const expected = drill.expects?.(history) ?? []
  const violations = [...notebook.violations, ...verdict.violations, ...expected]
  if (severalNodes) notes.push(tally(history))
  const result: DrillResult = {
    ...{ drill: drill.name, seed, seconds: Math.round(now() / 1000), faults: faults.length },
    ...{ ...verdict, violations, secondsUntilReady, notes },
    passed: violations.length === 0 && verdict.lost === 0 && verdict.torn === 0 && secondsUntilReady !== null,
  }
  await onEnd?.({ result, history, output: await stack.output().catch(String) })
  return result
}
