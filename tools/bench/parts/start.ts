import type { Bench } from '../bench.ts'
import { type CheckpointState, emptyCheckpoint, makeFilledNode, onLog, untilCheckpointed } from '../measure/kvs-data.ts'
import { memoryOf } from '../measure/proc.ts'
import { interleave } from '../measure/rounds.ts'
import { mebibytes, number } from '../report/text.ts'
import { startKvs } from '../servers/embedded-node.ts'

export interface StartOfLog {
  readonly entries: number
  /** Seconds from the start of the process to the first 200 of /readyz, restart by restart. */
  readonly seconds: readonly number[]
  /** Checkpoint of the log; undefined if this version of the service has none. */
  readonly checkpoint?: CheckpointState
}

/** A start that reads the whole log. */
export interface Replay {
  readonly entries: number
  /** Duration of the replay, as the node logs it. */
  readonly seconds: number
  /** Resident memory in bytes: its peak, and when the node was ready. */
  readonly peak: number
  readonly resident: number
}

export interface StartResult {
  readonly keys: number
  readonly logs: readonly StartOfLog[]
  readonly replays: readonly Replay[]
}

const bytes = 100

export async function measureStart(bench: Bench): Promise<StartResult> {
  const { args, say, signal } = bench
  const keys = args.isQuick ? 10_000 : 100_000
  const lengths = args.isQuick ? [10_000, 100_000, 1_000_000] : [100_000, 1_000_000, 10_000_000]
  const nodes: { entries: number; directory: string; checkpoint?: CheckpointState; seconds: number[] }[] = []
  for (const entries of lengths) {
    const directory = await bench.makeDirectory(`log-${entries}`)
    say(`making a log of ${number(entries)} entries over ${number(keys)} keys`)
    await makeFilledNode(directory, { entries, keys, bytes }, signal)
    const checkpoint = await untilCheckpointed(directory, signal)
    if (checkpoint) say(`  its checkpoint is at ${number(checkpoint.sequence)}`)
    nodes.push({ entries, directory, ...(checkpoint && { checkpoint }), seconds: [] })
  }

  say('\nfrom the start of the process to ready')
  await interleave({ rounds: args.runs, signal }, nodes, async ({ directory, entries, seconds }, round) => {
    // Two restarts of the long kind tell enough.
    if (seconds.length >= 2 && Math.min(...seconds) > 10) return
    const kvs = await startKvs({ directory })
    seconds.push(kvs.secondsToReady)
    say(`  ${round}/${args.runs} ${number(entries)} entries: ${number(kvs.secondsToReady)} s`)
    await kvs.stop()
  })

  const replays: Replay[] = []
  const ends = [nodes[0], nodes.at(-1), nodes[0], nodes.at(-1)].filter((node) => node !== undefined)
  say('\nreplaying the whole log, without its checkpoint')
  for (const { directory, entries } of ends) {
    signal.throwIfAborted()
    const replay = await measureReplay(directory, entries)
    replays.push(replay)
    say(
      `  ${number(entries)} entries: ${number(entries / replay.seconds)}/s, at most ${mebibytes(replay.peak)} resident`,
    )
  }
  return { keys, logs: nodes.map(({ directory: _, ...node }) => node), replays }
}

async function measureReplay(directory: string, entries: number): Promise<Replay> {
  await onLog(directory, emptyCheckpoint)
  const kvs = await startKvs({ directory })
  try {
    const { resident, peak } = memoryOf(kvs.pid)
    const [, seconds] = [...kvs.output().matchAll(/ events replayed in ([\d.]+) s/g)].at(-1) ?? []
    return { entries, seconds: Number(seconds), peak, resident }
  } finally {
    await kvs.stop()
  }
}
