import { spreadOf } from '../measure/stats.ts'
import type { Held, MemoryResult } from '../parts/memory.ts'
import type { StartResult } from '../parts/start.ts'
import { type Column, mebibytes, number, spread } from './text.ts'

export const startColumns: readonly Column[] = [
  { heading: 'entries in the log', numeric: true },
  { heading: 'live keys', numeric: true },
  { heading: 'checkpoint at', numeric: true },
  { heading: 's until ready', numeric: true },
  { heading: 'without its checkpoint: entries/s', numeric: true },
  { heading: 'resident at most', numeric: true },
]

export function startRows({ keys, logs, replays }: StartResult): string[][] {
  return logs.map(({ entries, seconds, checkpoint }) => {
    const own = replays.filter((replay) => replay.entries === entries)
    const peak = spreadOf(own.map((replay) => replay.peak))
    return [
      number(entries),
      number(keys),
      checkpoint ? number(checkpoint.sequence) : 'none',
      spread(spreadOf(seconds)),
      own.length > 0 ? spread(spreadOf(own.map((replay) => replay.entries / replay.seconds))) : '',
      peak ? mebibytes(peak.median) : '',
    ]
  })
}

export const memoryColumns: readonly Column[] = [
  { heading: 'keys × bytes', numeric: true },
  { heading: 'server' },
  { heading: 'empty', numeric: true },
  { heading: 'once loaded', numeric: true },
  { heading: 'after a restart', numeric: true },
  { heading: 'bytes a key, loaded', numeric: true },
  { heading: 'and restarted', numeric: true },
]

export function memoryRows({ sets }: MemoryResult): string[][] {
  return sets.flatMap(({ keys, bytes, kvs, redis, postgres }) => {
    const row = (name: string, { empty, loaded, restarted }: Held) => {
      const after = spreadOf(restarted)
      return [
        `${number(keys)} × ${bytes}`,
        name,
        ...[empty, loaded, after?.median ?? Number.NaN].map(mebibytes),
        number((loaded - empty) / keys),
        number(((after?.median ?? Number.NaN) - empty) / keys),
      ]
    }
    const beside = [`${number(keys)} × ${bytes}`, 'Postgres beside kvs', '', '', mebibytes(postgres), '', '']
    return [row('kvs', kvs), ...(redis ? [row('Redis', redis)] : []), beside]
  })
}
