import { KvsError } from '../../kvs/core/errors.ts'
import { hasPassed } from '../../kvs/core/version.ts'
import type { Kv } from '../../kvs/kv/index.ts'
import type { LogEntry } from '../drill/history.ts'
import { makeSeededRandom } from '../lab/seeded-random.ts'
import {
  askList,
  describeQuery,
  differenceOf,
  drawQuery,
  expectedAnswer,
  type ListAnswer,
  type ListQuery,
} from './list-queries.ts'
import type { Node } from './node.ts'
import { type Schedule, seconds } from './schedule.ts'
import type { Lane } from './scheduler.ts'
import type { Trace } from './trace.ts'

/**
 * Those who list keys. Each answer is held against what the same node's `get` says in the same moment, and, where
 * nothing of the node's was in its spool then, against the log's state at the answer's position.
 */
export interface Listers {
  /** Plans each list for its time from now on. */
  plan(): void
  /** Lists all keys at a node, and holds that against the log. */
  listAll(node: Node): Promise<void>
  /** Holds all answers against the log. Returns a sentence for each contradiction. */
  check(log: readonly LogEntry[]): string[]
}

export interface ListersOptions {
  readonly schedule: Schedule
  readonly nodes: readonly Node[]
  /** All keys that any client asks about. */
  readonly keys: readonly string[]
  readonly lane: Lane
  /** Milliseconds since the clients began. */
  readonly now: () => number
  readonly trace: Trace
  readonly violation: (sentence: string) => void
}

/** An answer that shows a state of the log. */
interface Shown {
  readonly answer: ListAnswer
  /** The log server's clock then, as the node estimates it: keys are absent from their deadlines on. */
  readonly time: number
  readonly query: ListQuery
  readonly words: string
}

const everything: ListQuery = {
  ...{ kind: 'keys', from: '', to: undefined, limit: undefined, delimiter: undefined, isConsistent: true },
}

export function makeListers(options: ListersOptions): Listers {
  const { schedule, nodes, keys, lane, now, trace, violation } = options
  const shown: Shown[] = []

  async function list(node: Node, query: ListQuery): Promise<void> {
    const words = `${describeQuery(query)} at ${node.name}, asked at ${seconds(now())}`
    const kv = node.server()?.kv
    if (kv === undefined) return
    try {
      const answer = await askList(kv, query)
      trace.add('lister', `${words}: ${answer.names.join(', ')} (${answer.count}) at ${answer.position}`)
      // Nothing else has happened since the list was made: this is the same turn of the event loop.
      const difference = differenceOf(answer, expectedAnswer(await withValues(kv, keys), query))
      if (difference !== undefined) violation(`a ${words} ${difference}, against what get shows in the same moment`)
      if (node.status()?.spool.writes === 0) shown.push({ answer, time: kv.now(), query, words })
    } catch (error) {
      if (!(error instanceof KvsError)) violation(`a ${words} failed: ${error}`)
      trace.add('lister', `${words}: ${error instanceof KvsError ? error.code : error}`)
    }
  }

  return {
    plan() {
      for (const { at, node, draw } of schedule.lists ?? []) {
        const query = drawQuery(makeSeededRandom(draw, 'list'), keys)
        lane.after(at, () => {
          const asked = nodes[node]
          asked?.server()?.lane.after(0, () => void list(asked, query))
        })
      }
    },
    listAll: (node) => list(node, everything),
    check: (log) => shown.flatMap((one) => checkAgainstLog(one, log)),
  }
}

async function withValues(kv: Kv, keys: readonly string[]): Promise<string[]> {
  const has: string[] = []
  for (const key of keys) {
    const got = kv.get(key)
    if ((got instanceof Promise ? await got : got) !== undefined) has.push(key)
  }
  return has
}

function checkAgainstLog({ answer, time, query, words }: Shown, log: readonly LogEntry[]): string[] {
  const position = Number(answer.position.split('=')[1])
  const state = new Map<string, LogEntry>()
  for (const entry of log) if (entry.sequence <= position && !entry.superseded) state.set(entry.key, entry)
  const keys = [...state].filter(([, { kind, deadline }]) => kind === 'put' && !hasPassed(deadline, time))
  const difference = differenceOf(
    answer,
    expectedAnswer(
      keys.map(([key]) => key),
      query,
    ),
  )
  return difference === undefined ? [] : [`a ${words} ${difference}, where the log says otherwise as of ${position}`]
}
