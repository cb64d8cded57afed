import type { Sample, SoakResult } from '../parts/soak.ts'
import { judgeSoak } from '../report/soak-verdict.ts'
import { number } from '../report/text.ts'
import { drawLines, drawMinutes, type Line, plot } from './lines.ts'
import { type Colour, drawPicture } from './theme.ts'
import { linear } from './value-scale.ts'

const mib = 1024 ** 2
const panel = { height: 120, step: 172, top: 112 } as const

export function drawSoak(soak: SoakResult): string {
  const { samples, minutes, rate } = soak
  const x = linear(minutes, plot.left, plot.right, 10)
  const line = (label: string, colour: Colour, of: (sample: Sample) => number): Line => ({
    ...{ label, colour },
    points: samples.map((sample) => [sample.at / 60, of(sample)]),
  })
  const at = (index: number) => ({ top: panel.top + index * panel.step, height: panel.height })
  const bottom = panel.top + 4 * panel.step + panel.height
  const { isFlat } = judgeSoak(soak)
  return drawPicture({
    title: `${minutes} ${minutes === 1 ? 'minute' : 'minutes'} of mixed load: ${isFlat ? 'memory and latency are flat' : 'memory or latency are NOT flat'}`,
    subtitle: `${number(rate)} requests/s on a fixed schedule, 50 % GET, 40 % PUT, 10 % DELETE, zipfian keys, 10 B to 4 KiB, 64 connections`,
    height: bottom + 52,
    parts: [
      drawMinutes(x, panel.top, bottom),
      drawLines(
        {
          heading: 'Memory of the node',
          unit: ' MiB',
          ...at(0),
          lines: [
            line('resident', 'kvs', ({ resident }) => resident / mib),
            line('buffers', 'pgbench', ({ external }) => external / mib),
            line('heap', 'without-log', ({ heap }) => heap / mib),
          ],
        },
        x,
      ),
      drawLines(
        {
          heading: 'Latency from the moment a request was due (logarithmic)',
          unit: ' ms',
          isLogarithmic: true,
          ...at(1),
          lines: [
            line('longest', 'bare', ({ max }) => max),
            line('p99', 'redis', ({ p99 }) => p99),
            line('p50', 'etcd', ({ p50 }) => p50),
          ],
        },
        x,
      ),
      drawLines({ heading: 'Answers a second', unit: '', ...at(2), lines: [line('', 'kvs', ({ rate }) => rate)] }, x),
      drawLines(
        {
          heading: 'Postgres beside it',
          unit: ' MiB',
          ...at(3),
          lines: [
            line('log', 'bare', ({ log }) => log / mib),
            line('memory', 'pgbench', ({ postgres }) => postgres / mib),
          ],
        },
        x,
      ),
      drawLines(
        {
          heading: 'The machine itself: CPU time of a fixed piece of work',
          unit: ' ms',
          ...at(4),
          lines: [line('', 'without-log', ({ work }) => work)],
        },
        x,
      ),
    ],
  })
}
