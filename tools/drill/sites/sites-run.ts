import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../lab/polling.ts'
import { makeSeededRandom } from '../../lab/seeded-random.ts'
import { secondsWithoutWrites } from '../checker/check.ts'
import type { End, RunOptions } from '../run.ts'
import { attempt, makeScript, type Notebook, repeatFaults, type ScriptOptions } from '../script.ts'
import { sitesOf } from './sites-compose.ts'
import type { SitesContext, SitesDrill } from './sites-drill.ts'
import { allFollow, allServe, converge, readLogs, readViews } from './sites-phases.ts'
import type { SitesStack } from './sites-stack.ts'
import { judgeSites, type SitesHistory } from './sites-verdict.ts'
import { type Connect, makeSitesWorkload, type SitesWorkload } from './sites-workload.ts'

export interface SitesRunOptions extends Omit<RunOptions, 'makeStack' | 'env'> {
  readonly startStack: (shape: SitesDrill['shape']) => Promise<SitesStack>
  /** How clients ask a node; over HTTP as it is, unless said otherwise. */
  readonly connect?: Connect
}

/**
 * Fresh sites, clients, faults; then all is healed, all sites must come to the same, and what clients saw is held
 * against the logs, and these against what every node serves, before and after one more SIGKILL. The stack is gone when
 * it settles. Rejects when aborted, or where there was no stack; whatever else goes wrong is a violation.
 */
export async function runSitesDrill(drill: SitesDrill, options: SitesRunOptions): Promise<End['result']> {
  const say = (step: string) => options.progress?.step(drill.name, step)
  options.signal?.throwIfAborted()
  say('starting sites')
  const stack = await options.startStack(drill.shape)
  try {
    return await runOn(stack, drill, options, say)
  } finally {
    say('taking the sites down')
    await stack.down()
  }
}

async function runOn(
  stack: SitesStack,
  drill: SitesDrill,
  { seed, seconds, signal = new AbortController().signal, onEnd, connect }: SitesRunOptions,
  say: (step: string) => void,
): Promise<End['result']> {
  const began = performance.now()
  const now = () => performance.now() - began
  const random = makeSeededRandom(seed, drill.name)
  const notebook: Notebook = { faults: [], violations: [], notes: [] }
  const violation = (sentence: string) => void notebook.violations.push(sentence)
  const { started } = sitesOf(drill.shape)
  const workload = makeSitesWorkload({
    ...{ sites: stack.sites, nodes: stack.nodes, open: started, random: random.fork('clients'), now },
    ...{ lifetimes: drill.lifetimes ?? 0, ...(connect && { connect }) },
  })
  let deadline = Number.POSITIVE_INFINITY
  const given = { stack, workload, signal, random: random.fork('faults'), now, deadline: () => deadline }
  const context = makeSitesContext({ ...given, notebook })
  const atFirst = { stack, sites: started, signal, violation }
  const inTheEnd = { ...atFirst, sites: stack.sites }

  let secondsUntilReady: number | null = null
  let found: Pick<SitesHistory, 'logs' | 'views'> = { logs: [], views: [] }
  try {
    say('waiting for the sites')
    if ((await allServe(atFirst)) && (await allFollow(atFirst))) {
      workload.start()
      deadline = now() + 1000 * seconds
      const tell = (left: number) => {
        say(`${notebook.faults.length} faults, ${workload.acknowledged} writes acknowledged, ${left} s to go`)
      }
      await attempt(context, 'the drill', () => repeatFaults(context, () => drill.fault(context), tell))
      say('healing')
      await attempt(context, 'healing', () => stack.heal())
      const ended = now()
      if ((await allServe(inTheEnd)) && (await allFollow(inTheEnd))) secondsUntilReady = (now() - ended) / 1000
      await sleep(1_000, undefined, { signal })
      await workload.stop()
      await attempt(context, 'reading logs and views', async () => {
        found = await readBack(inTheEnd, workload, say)
      })
    }
  } finally {
    // Where it was aborted; what is under way ends with the stack.
    void workload.stop()
  }

  const { operations } = workload
  const { faults, notes } = notebook
  say(`checking ${operations.length} operations`)
  const { tally, ...verdict } = judgeSites({ operations, ...found })
  notes.push(tally)
  const violations = [...notebook.violations, ...verdict.violations, ...(drill.expects?.(operations) ?? [])]
  const result: End['result'] = {
    ...{ drill: drill.name, seed, seconds: Math.round(now() / 1000), faults: faults.length, ...verdict, violations },
    ...{ secondsWithoutWrites: secondsWithoutWrites(operations), secondsUntilReady, notes },
    passed: violations.length === 0 && verdict.lost === 0 && verdict.torn === 0 && secondsUntilReady !== null,
  }
  const history = { operations, log: [], views: [], faults }
  await onEnd?.({ result, history, output: await stack.output().catch(String) })
  return result
}

/** Reads logs and views once all sites have the same, and the views again after one more SIGKILL to all nodes. */
async function readBack(
  phase: Parameters<typeof converge>[0],
  workload: SitesWorkload,
  say: (step: string) => void,
): Promise<Pick<SitesHistory, 'logs' | 'views'>> {
  const { stack } = phase
  say('waiting until all sites have the same')
  await converge(phase)
  say('reading logs and views')
  const { keys } = workload
  const before = await readViews(phase, keys, 'healed')
  const names = stack.nodes.map(({ name }) => name)
  await stack.kill(...names)
  await stack.start(...names)
  if (!(await allServe(phase))) return { logs: await readLogs(phase), views: before }
  const after = await readViews(phase, keys, 'killed and started')
  return { logs: await readLogs(phase), views: [...before, ...after] }
}

interface ContextOptions extends ScriptOptions, Pick<SitesContext, 'stack' | 'workload'> {}

function makeSitesContext(options: ContextOptions): SitesContext {
  const { stack, workload, signal } = options
  const script = makeScript(options)
  return {
    ...script,
    ...{ stack, workload },
    withRandom: (random) => makeSitesContext({ ...options, random }),

    async becomes(what, condition, boundSeconds) {
      const isMet = await waitFor(condition, { boundMs: 1000 * boundSeconds, signal, everyMs: 100 })
      if (!isMet) script.violation(`waited ${boundSeconds} s in vain until ${what}`)
      return isMet === true
    },
  }
}
