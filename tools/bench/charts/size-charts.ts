import { spreadOf } from '../measure/stats.ts'
import type { Held, MemoryOfKeys, MemoryResult } from '../parts/memory.ts'
import type { StartResult } from '../parts/start.ts'
import { number } from '../report/text.ts'
import { type Bar, type BarPanel, drawBars, heightOfBars } from './bars.ts'
import { type Colour, drawPicture } from './theme.ts'

export function drawStart({ keys, logs, replays }: StartResult): string {
  const starts = logs.flatMap(({ entries, seconds, checkpoint }): Bar[] => {
    const value = spreadOf(seconds)
    const note = checkpoint ? 'with its checkpoint' : 'without a checkpoint'
    return value ? [{ label: `${number(entries)} entries`, colour: 'kvs', value, note }] : []
  })
  const whole = logs.flatMap(({ entries }): Bar[] => {
    const value = spreadOf(replays.filter((replay) => replay.entries === entries).map((replay) => replay.seconds))
    const note = value && `${number(entries / value.median)} entries/s`
    return value ? [{ label: `${number(entries)} entries`, colour: 'without-log', value, ...(note && { note }) }] : []
  })
  return stack(
    'Start-up by the length of the log',
    `${number(keys)} live keys with 100-byte values; medians, least to most`,
    [
      { heading: 'From the start of the process to ready', unit: ' s', bars: starts },
      { heading: 'Of a whole replay, without a checkpoint: reading the log alone', unit: ' s', bars: whole },
    ],
  )
}

export function drawMemory({ sets }: MemoryResult): string {
  return stack(
    'Memory by the number of keys',
    'resident memory of the process, 100-byte values',
    sets.map((set) => ({ heading: `${number(set.keys)} keys`, unit: ' MiB', bars: memoryBars(set) })),
  )
}

function memoryBars({ kvs, redis, keys }: MemoryOfKeys): Bar[] {
  const bars = (name: string, colour: Colour, { empty, loaded, restarted }: Held): Bar[] => {
    const bar = (label: string, bytes: readonly number[]): Bar[] => {
      const value = spreadOf(bytes.map((each) => each / 1024 ** 2))
      const each = value && (value.median * 1024 ** 2 - empty) / keys
      return value
        ? [{ label: `${name}, ${label}`, colour, value, ...(each && { note: `${number(each)} bytes a key` }) }]
        : []
    }
    return [...bar('once loaded', [loaded]), ...bar('after a restart', restarted)]
  }
  return [...bars('kvs', 'kvs', kvs), ...(redis ? bars('Redis', 'redis', redis) : [])]
}

function stack(title: string, subtitle: string, panels: readonly BarPanel[]): string {
  let top = 80
  const parts = panels
    .filter(({ bars }) => bars.length > 0)
    .map((panel) => {
      const drawn = drawBars(panel, top)
      top += heightOfBars(panel)
      return drawn
    })
  return drawPicture({ title, subtitle, height: top + 4, parts })
}
