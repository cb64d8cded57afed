import fc from 'fast-check'
import type { History, LogEntry, Operation } from '../../../../../tools/drill/history.ts'
import { foldOf } from './histories.ts'

/** What becomes of a request; late and never are two ways for an outcome to be unknown. */
type Fate = 'ok' | 'failed' | 'late' | 'never'

interface Request {
  readonly client: number
  readonly kind: Operation['kind']
  readonly key: string
  readonly gap: number
  readonly duration: number
  /** When it takes effect: 0 is its invocation, 10 its return. */
  readonly moment: number
  readonly fate: Fate
}

const weighted = <T>(...choices: [number, T][]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })))

const request: fc.Arbitrary<Request> = fc.record({
  client: fc.nat(3),
  kind: weighted<Operation['kind']>([4, 'put'], [2, 'delete'], [5, 'get']),
  key: weighted([3, 'a'], [1, '__proto__']),
  gap: fc.nat(3),
  duration: fc.nat(6),
  moment: fc.nat(10),
  fate: weighted<Fate>([12, 'ok'], [1, 'failed'], [1, 'late'], [1, 'never']),
})

/** Histories of a register that does what it should, with requests that overlap, fail or are never answered. */
export const correctHistory: fc.Arbitrary<History> = fc
  .record({
    requests: fc.array(request, { maxLength: 60, size: 'max' }),
    /** Whatever is under way at these times is never answered. */
    crashes: fc.array(fc.nat(100), { maxLength: 2 }),
    namesEntries: fc.boolean(),
  })
  .map(({ requests, crashes, namesEntries }) => simulate(requests, crashes, namesEntries))

interface Effect {
  readonly time: number
  readonly operation: Operation
}

function simulate(requests: readonly Request[], crashes: readonly number[], namesEntries: boolean): History {
  const clocks = new Map<number, number>()
  const effects: Effect[] = []
  const operations = new Map<Operation, Operation>()
  requests.forEach(({ client, kind, key, gap, duration, moment, fate }, index) => {
    const invoked = (clocks.get(client) ?? 0) + gap
    const crash = crashes.find((time) => time >= invoked && time <= invoked + duration)
    const returned = crash ?? invoked + duration
    const answered = fate === 'ok' && crash === undefined
    const outcome = answered ? 'ok' : fate === 'failed' ? 'failed' : 'unknown'
    const status = answered ? 200 : fate === 'failed' ? 503 : 0
    const value = kind === 'put' ? { value: `v${index}` } : {}
    const operation: Operation = { client, kind, key, ...value, invoked, returned, outcome, status }
    operations.set(operation, operation)
    clocks.set(client, returned)
    const time = fate === 'late' ? returned + 3 * moment : invoked + (duration * moment) / 10
    const takesEffect = answered || (outcome === 'unknown' && fate !== 'never')
    if (takesEffect) effects.push({ time, operation })
  })

  const log: LogEntry[] = []
  const newest = new Map<string, LogEntry>()
  for (const { operation } of effects.sort((a, b) => a.time - b.time)) {
    const { kind, key, value } = operation
    if (kind === 'get') {
      const entry = newest.get(key)
      const named = namesEntries && entry?.kind === 'put' ? { sequence: entry.sequence } : {}
      operations.set(operation, { ...operation, value: entry?.value ?? null, ...named })
    } else {
      const entry = { sequence: log.length + 1, kind, key, value: value ?? undefined, superseded: false }
      log.push(entry)
      newest.set(key, entry)
      if (namesEntries) operations.set(operation, { ...operation, sequence: entry.sequence })
    }
  }
  return { operations: [...operations.values()], log, views: [foldOf(log), foldOf(log)], faults: [] }
}
