import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Generation } from './generator.ts'
import type { Window } from './recorder.ts'

const main = fileURLToPath(new URL('generator-main.ts', import.meta.url))

export interface Generated {
  readonly whole: Window
  /** CPU time of the generator as a share of one core. */
  readonly generatorShare: number
}

/** Runs the generator as a process of its own, so that nothing else holds it up. */
export async function runGenerator(
  generation: Generation,
  { signal, onWindow }: { signal?: AbortSignal | undefined; onWindow?: (window: Window) => void } = {},
): Promise<Generated> {
  const child = spawn(process.execPath, [main, JSON.stringify(generation)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
  })
  let generated: Generated | undefined
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const { window, ...rest }: { window?: Window } & Partial<Generated> = JSON.parse(line)
    if (window) onWindow?.(window)
    else generated = rest as Generated
  })
  const closed = once(lines, 'close')
  const [code, ended] = await once(child, 'exit')
  await closed
  if (generated === undefined) throw new Error(`the load generator ended (${ended ?? code})`)
  return generated
}

/** Puts each key once, in order. Rejects unless every one was stored. */
export async function preload(
  { port, api }: Pick<Generation, 'port' | 'api'>,
  { keys, bytes }: { keys: number; bytes: number },
  signal?: AbortSignal,
): Promise<void> {
  const { whole } = await runGenerator(
    {
      ...{ port, api, keys, count: keys, bytes: [bytes, bytes], distribution: 'sequential' },
      ...{ connections: 64, gets: 0, deletes: 0, seed: 1 },
    },
    { signal },
  )
  if (whole.failures > 0 || whole.latency.count !== keys) throw new Error(`${whole.failures} keys could not be loaded`)
}
