import type { Workload } from '../load/wrk.ts'

export const contenderNames = ['kvs', 'etcd', 'redis', 'pgbench', 'without-log', 'bare'] as const
export type ContenderName = (typeof contenderNames)[number]

/** Names of the contenders in tables and pictures. */
export const contenderLabels: Readonly<Record<ContenderName, string>> = {
  kvs: 'kvs',
  etcd: 'etcd, JSON gateway',
  redis: 'Redis, AOF always, own protocol',
  pgbench: 'Postgres, one INSERT a transaction',
  'without-log': 'kvs without its log',
  bare: 'bare node:http',
}

export interface Case {
  readonly name: string
  readonly workload: Workload
  readonly contenders: readonly ContenderName[]
  /** Set if the case has a target, and so gets all the rounds. */
  readonly isCore: boolean
}

type Mix = keyof typeof gets
const gets = { put: 0, get: 100, '95/5': 95, '50/50': 50 } as const

const distribution = 'uniform'
const writers = ['kvs', 'etcd', 'redis', 'pgbench', 'without-log'] as const
const readers = ['kvs', 'etcd', 'redis', 'bare'] as const

/** All cases, in groups with the same values, so that these are loaded once. */
export const cases: readonly Case[] = [
  { ...further('put', { connections: 1 }), contenders: writers },
  { ...further('put', { connections: 32 }), contenders: writers, isCore: true },
  { ...further('put', { connections: 256 }), contenders: writers, isCore: true },
  { ...further('get', { connections: 1 }), contenders: readers },
  { ...further('get', { connections: 32 }), contenders: readers, isCore: true },
  { ...further('get', { connections: 256 }), contenders: readers },
  further('put', { connections: 256, distribution: 'zipfian' }),
  further('get', { connections: 32, distribution: 'zipfian' }),
  further('95/5', { connections: 32, distribution: 'zipfian' }),
  further('50/50', { connections: 32, distribution: 'zipfian' }),
  ...[10, 1024, 64 * 1024].flatMap((bytes) => [
    further('put', { connections: 32, bytes }),
    further('get', { connections: 32, bytes }),
  ]),
]

function further(mix: Mix, rest: Partial<Workload> & Pick<Workload, 'connections'>): Case {
  const bytes = rest.bytes ?? 100
  // Few large values: a hundred thousand of them would be gigabytes.
  const keys = bytes > 10_000 ? 1_000 : bytes === 100 ? 100_000 : 10_000
  const workload: Workload = { gets: gets[mix], keys, bytes, distribution, ...rest }
  return { name: nameOf(mix, workload), workload, contenders: ['kvs', 'etcd'], isCore: false }
}

function nameOf(mix: Mix, { connections, bytes, distribution }: Workload): string {
  const words = [mix, String(connections)]
  if (bytes !== 100) words.push(sizeName(bytes))
  if (distribution === 'zipfian') words.push('zipfian')
  return words.join(' ')
}

export function sizeName(bytes: number): string {
  return bytes < 1024 ? `${bytes}B` : `${bytes / 1024}KiB`
}

/** Words that choose a case, as in `throughput get 32`. */
export const filterWords = new Set(cases.flatMap(({ name }) => name.split(' ')))

/** Selects the cases that match all words; words of one kind are alternatives, as in `get put 256`. */
export function chooseCases(words: readonly string[]): readonly Case[] {
  const kinds = [Object.keys(gets), ['1', '32', '256'], ['10B', '1KiB', '64KiB'], ['zipfian']]
  const wanted = kinds.map((kind) => words.filter((word) => kind.includes(word))).filter((kind) => kind.length > 0)
  return cases.filter(({ name }) => {
    const own = name.split(' ')
    return wanted.every((kind) => kind.some((word) => own.includes(word)))
  })
}
