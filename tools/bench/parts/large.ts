import type { Bench } from '../bench.ts'
import { keyFor } from '../load/entries.ts'
import { lastValue, makeFilledNode } from '../measure/kvs-data.ts'
import { memoryOf } from '../measure/proc.ts'
import { mebibytes, number } from '../report/text.ts'
import { startKvs } from '../servers/embedded-node.ts'

export interface LargeResult {
  readonly keys: number
  readonly bytes: number
  /** Seconds until the node was ready; undefined if it did not start, and then `problem` has what it said. */
  readonly seconds?: number
  readonly resident?: number
  readonly peak?: number
  /** Number of keys that were read, and how many of them had their value. */
  readonly asked?: number
  readonly right?: number
  readonly problem?: string
}

/** Measures a node with more keys than the 2^24 that a JavaScript Map holds. */
export async function measureLarge({ args, say, makeDirectory, signal }: Bench): Promise<LargeResult> {
  const keys = args.isQuick ? 1_000_000 : 20_000_000
  const bytes = 10
  const filling = { entries: keys, keys, bytes }
  const directory = await makeDirectory('large')
  say(`\nmaking a log with ${number(keys)} keys with values of ${bytes} bytes`)
  await makeFilledNode(directory, filling, signal)
  say('starting a node on it')
  try {
    const kvs = await startKvs({ directory, patienceSeconds: 1_800, signal })
    try {
      const { resident, peak } = memoryOf(kvs.pid)
      const asked = 1_000
      let right = 0
      for (let index = 0; index < asked; index++) {
        const key = Math.floor((index * keys) / asked)
        const answer = await fetch(`http://127.0.0.1:${kvs.port}/v1/${keyFor(key)}`)
        if ((await answer.text()).startsWith(lastValue(key, filling).slice(0, bytes))) right++
      }
      say(
        `  ready after ${number(kvs.secondsToReady)} s with ${mebibytes(resident)} resident; ${right} of ${asked} right`,
      )
      return { keys, bytes, seconds: kvs.secondsToReady, resident, peak, asked, right }
    } finally {
      await kvs.stop()
    }
  } catch (error) {
    signal.throwIfAborted()
    const problem = lastWords(error instanceof Error ? error.message : String(error))
    say(`  it did not start: ${problem}`)
    return { keys, bytes, problem }
  }
}

/** Finds the last message in output that may be lines of JSON. */
function lastWords(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  return /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line
}
