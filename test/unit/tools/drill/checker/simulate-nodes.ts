import fc from 'fast-check'
import type { Condition, History, LogEntry, Operation } from '../../../../../tools/drill/history.ts'
import { foldOf } from './histories.ts'

interface Request {
  readonly client: number
  readonly node: number
  readonly kind: Operation['kind']
  readonly isConsistent: boolean
  readonly condition: 'none' | 'known' | 'present' | 'absent'
  readonly gap: number
  readonly duration: number
  /** When it takes effect: 0 is its invocation, 10 its return. */
  readonly moment: number
  /** Of those that get no answer, some take effect later, some never. */
  readonly fate: 'answered' | 'late' | 'never'
  /** How far a read moves its node on. */
  readonly steps: number
}

const weighted = <T>(...choices: [number, T][]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })))

const request: fc.Arbitrary<Request> = fc.record({
  client: fc.nat(3),
  node: fc.nat(1),
  kind: weighted<Operation['kind']>([4, 'put'], [1, 'delete'], [5, 'get']),
  isConsistent: weighted([2, false], [1, true]),
  condition: weighted<Request['condition']>([3, 'none'], [3, 'known'], [1, 'present'], [1, 'absent']),
  gap: fc.nat(3),
  duration: fc.nat(6),
  moment: fc.nat(10),
  fate: weighted<Request['fate']>([12, 'answered'], [1, 'late'], [1, 'never']),
  steps: fc.nat(4),
})

/** Histories of two nodes on one log that do what they should, each of them cut off from the log for a while. */
export const correctNodes: fc.Arbitrary<History> = fc
  .record({
    requests: fc.array(request, { maxLength: 60, size: 'max' }),
    cuts: fc.tuple(...[0, 1].map(() => fc.record({ from: fc.nat(60), lasts: fc.nat(25) }))),
  })
  .map(({ requests, cuts }) => simulate(requests, cuts))

interface Node {
  readonly name: string
  readonly writer: number
  position: number
  spool: { readonly seen: number; readonly kind: 'put' | 'delete'; readonly value: string | undefined }[]
  isCut: boolean
}

type Answer = Partial<Operation> & Pick<Operation, 'outcome' | 'status'>

function simulate(requests: readonly Request[], cuts: readonly { from: number; lasts: number }[]): History {
  const log: LogEntry[] = []
  const nodes = ['a', 'b'].map(
    (name, index): Node => ({ name, writer: index + 1, position: 0, spool: [], isCut: false }),
  )
  const operations: Operation[] = []
  const newest = new Map<number, number>()
  const effects: { readonly time: number; run(): void }[] = []

  const stateAt = (position: number) => log.slice(0, position).findLast((entry) => !entry.superseded)
  const sequenceOf = (entry: LogEntry | undefined) => (entry?.kind === 'put' ? { sequence: entry.sequence } : {})

  function append(node: Node, kind: 'put' | 'delete', value: string | undefined, superseded = false): LogEntry {
    const entry = { sequence: log.length + 1, kind, key: 'k', value, superseded, writer: node.writer }
    log.push(entry)
    node.position = log.length
    return entry
  }

  function heal(node: Node): void {
    node.isCut = false
    for (const { seen, kind, value } of node.spool) {
      const isOvertaken = log.slice(seen).some((entry) => !entry.superseded && entry.writer !== node.writer)
      append(node, kind, value, isOvertaken)
    }
    node.spool = []
    node.position = log.length
  }

  function write(node: Node, kind: 'put' | 'delete', value: string | undefined, condition?: Condition): Answer {
    if (node.isCut && condition !== undefined) return { outcome: 'failed', status: 503, error: 'log_down' }
    if (node.isCut) {
      node.spool.push({ seen: node.position, kind, value })
      return { outcome: 'ok', status: 202, isSpooled: true, position: node.position }
    }
    const current = stateAt(log.length)?.kind === 'put' ? stateAt(log.length)?.sequence : undefined
    const holds =
      condition === 'absent'
        ? current === undefined
        : condition === 'present'
          ? current !== undefined
          : condition === current
    if (condition !== undefined && !holds) {
      node.position = log.length
      const told = current === undefined ? {} : { sequence: current }
      return { outcome: 'failed', status: 412, error: 'condition_failed', position: node.position, ...told }
    }
    const entry = append(node, kind, value)
    return { outcome: 'ok', status: 200, position: node.position, ...sequenceOf(entry) }
  }

  function read(node: Node, { isConsistent, steps }: Request, minPosition = 0): Answer {
    if (node.isCut && isConsistent) return { outcome: 'failed', status: 503, error: 'log_down' }
    if (!node.isCut)
      node.position = isConsistent ? log.length : Math.min(log.length, Math.max(minPosition, node.position + steps))
    const { position } = node
    if (position < minPosition) return { outcome: 'failed', status: 503, error: 'behind' }
    const spooled = node.spool.at(-1)
    if (spooled?.kind === 'put')
      return { outcome: 'ok', status: 200, value: spooled.value ?? null, isSpooled: true, position }
    if (spooled) return { outcome: 'ok', status: 404, value: null, position }
    const entry = stateAt(position)
    return { outcome: 'ok', status: 200, value: entry?.value ?? null, position, ...sequenceOf(entry) }
  }

  cuts.forEach(({ from, lasts }, index) => {
    const node = nodes[index]
    if (node === undefined) return
    effects.push(
      {
        time: from,
        run: () => {
          node.isCut = true
        },
      },
      { time: from + lasts, run: () => heal(node) },
    )
  })
  const clocks = new Map<number, number>()
  const known = new Map<number, number>()
  requests.forEach((one, index) => {
    const { client, kind, gap, duration, moment, fate } = one
    const node = nodes[one.node]
    if (node === undefined) return
    const invoked = (clocks.get(client) ?? 0) + gap
    const returned = invoked + duration
    clocks.set(client, returned)
    const value = kind === 'put' ? `v${index}` : undefined
    const time = fate === 'late' ? returned + 2 * moment : invoked + (duration * moment) / 10

    function run(): void {
      const minPosition = client % 2 === 0 ? newest.get(client) : undefined
      const asked = one.condition === 'known' ? (known.get(client) ?? 'absent') : one.condition
      const condition = kind === 'get' || asked === 'none' ? undefined : asked
      const base = { client, node: node?.name ?? '', kind, key: 'k', invoked, returned, ...(value && { value }) }
      const demands = {
        ...(condition !== undefined && { condition }),
        ...(minPosition !== undefined && { minPosition }),
        ...(kind === 'get' && one.isConsistent && { isConsistent: true as const }),
      }
      if (node === undefined) return
      const isBehind = kind !== 'get' && node.isCut && node.position < (minPosition ?? 0)
      const takesEffect = fate === 'answered' || (fate === 'late' && kind !== 'get' && !node.isCut)
      const behind = { outcome: 'failed', status: 503, error: 'behind' } as const
      const answer: Answer =
        !takesEffect || (isBehind && fate !== 'answered')
          ? { outcome: 'unknown', status: 0 }
          : isBehind
            ? behind
            : kind === 'get'
              ? read(node, one, minPosition)
              : write(node, kind, value, condition)
      const told: Answer = fate === 'answered' ? answer : { outcome: 'unknown', status: 0 }
      operations.push({ ...base, ...demands, ...told })
      if (told.position !== undefined) newest.set(client, Math.max(newest.get(client) ?? 0, told.position))
      if (told.sequence === undefined) known.delete(client)
      else known.set(client, told.sequence)
    }
    effects.push({ time, run })
  })
  effects.sort((a, b) => a.time - b.time).forEach(({ run }) => void run())
  for (const node of nodes) heal(node)
  return { operations, log, views: [foldOf(log), foldOf(log)], faults: [] }
}
