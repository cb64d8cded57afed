import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, type Drill, isServing } from './drill.ts'
import type { History } from './history.ts'
import { readLog, readView } from './readback.ts'
import { attempt, type Notebook } from './script.ts'
import type { Workload } from './workload/clients.ts'
import type { Tellers } from './workload/tellers.ts'

/** State that the phases of one run share. */
export interface Run {
  readonly drill: Drill
  readonly context: Context
  readonly workload: Workload
  /** Undefined where nobody transfers anything. */
  readonly tellers: Tellers | undefined
  readonly notebook: Notebook
  readonly now: () => number
  readonly say: (step: string) => void
}

/** Longest wait for a node to serve: a spool that has filled for minutes takes its time to drain. */
const patienceSeconds = 180

/** Injects one fault after another, at least one, until the time is over. */
export async function putOnFaults(run: Run): Promise<void> {
  const { drill, context, workload, notebook, say } = run
  const tell = () => {
    const left = Math.round(context.left())
    say(`${notebook.faults.length} faults, ${workload.acknowledged} writes acknowledged, ${left} s to go`)
  }
  tell()
  const telling = setInterval(tell, 1_000)
  try {
    await context.pause(0.5, 1)
    for (;;) {
      await drill.fault(context)
      if (context.left() === 0) return
      // Mostly the next fault finds a node that is well, but not always.
      if (context.random.chance(0.75)) await context.becomes(isServing, 20)
      await context.pause(0.2, 1.2)
    }
  } finally {
    clearInterval(telling)
  }
}

/** Takes back all faults, and lets the clients go on until they have seen a healthy stack for a second. */
export async function recover(run: Run): Promise<number | null> {
  const { context, notebook, now, say } = run
  const { stack, signal } = context
  say('healing')
  await attempt(context, 'healing', () => stack.heal())
  const ended = Math.max(0, ...notebook.faults.map(({ from, to = from }) => to))
  say('waiting until all nodes are serving')
  if (!(await serves(run))) return null
  const seconds = (now() - ended) / 1000
  await sleep(1_000, undefined, { signal })
  return seconds
}

/** Reads the log and each node's view, and each view again after one more SIGKILL to all nodes. */
export async function readBack(run: Run): Promise<Pick<History, 'log' | 'views'>> {
  const { context, workload, tellers, say } = run
  const { stack } = context
  const views: History['views'][number][] = []
  let log: History['log'] = []
  say('reading log and view')
  await attempt(context, 'reading log and view', async () => {
    if (!(await serves(run))) return
    log = await readLog(stack)
    for (const { url } of stack.nodes) views.push(await readView(url, workload.keys))
    for (const node of stack.nodes) await tellers?.list(node)
    const names = stack.nodes.map(({ name }) => name)
    await stack.kill(...names)
    await stack.start(...names)
    if (!(await serves(run))) return
    for (const { url } of stack.nodes) views.push(await readView(url, workload.keys))
    for (const node of stack.nodes) await tellers?.list(node)
  })
  return { log, views }
}

/** Waits until every node serves. A node that does not is recorded as a violation. */
export async function serves({ context, notebook }: Run): Promise<boolean> {
  const { stack } = context
  for (const { name } of stack.nodes) {
    if (await context.becomes(isServing, patienceSeconds, name)) continue
    const status = await stack.status(name)
    notebook.violations.push(
      `${name} was not serving after ${patienceSeconds} s: ${status ? JSON.stringify(status) : 'it does not answer'}`,
    )
    return false
  }
  return true
}
