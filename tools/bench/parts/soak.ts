import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Bench } from '../bench.ts'
import { preload, runGenerator } from '../load/generate.ts'
import type { Window } from '../load/recorder.ts'
import { besideNode } from '../measure/kvs-data.ts'
import { type MachineState, watchMachine } from '../measure/machine-state.ts'
import { cpuOf, memoryOf, memoryOfTree } from '../measure/proc.ts'
import { describeSample } from '../report/soak-verdict.ts'
import { startKvs } from '../servers/embedded-node.ts'

export interface Sample extends MachineState {
  /** End of the sample in seconds since the start. */
  readonly at: number
  /** Answers in a second. */
  readonly rate: number
  /** Milliseconds, from the moment at which a request was due. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly failures: number
  /** CPU time of the node for an answer, in microseconds. */
  readonly cpu: number
  /** Memory in bytes. */
  readonly resident: number
  readonly heap: number
  readonly external: number
  readonly postgres: number
  /** Size of `transactions` with its index, in bytes. */
  readonly log: number
}

export interface SoakResult {
  readonly minutes: number
  readonly rate: number
  readonly samples: readonly Sample[]
  readonly warnings: readonly string[]
}

const everySeconds = 5
const keys = 100_000
const bytes = [10, 4096] as const
/** Requests a second: about a third of what two cores can do with generator and server on them. */
const rate = 4_000

/** Runs a mixed load on a fixed schedule: 50 % reads, 40 % overwrites, 10 % deletes. */
export async function measureSoak(bench: Bench): Promise<SoakResult> {
  const { args, say, signal } = bench
  const directory = await bench.makeDirectory('soak')
  const reporter = fileURLToPath(new URL('../servers/report-memory.ts', import.meta.url))
  let memory: NodeJS.MemoryUsage | undefined
  const kvs = await startKvs({
    directory,
    node: ['--import', reporter],
    env: { BENCH_REPORT_MS: '1000' },
    onMessage(message) {
      memory = (message as { memory: NodeJS.MemoryUsage }).memory
    },
  })
  bench.defer(() => kvs.stop())
  await preload(kvs, { keys, bytes: 200 }, signal)

  const samples: Sample[] = []
  const machine = watchMachine()
  let seconds = 0
  const pending: Promise<void>[] = []
  async function sample({ at, latency, failures }: Window): Promise<void> {
    const before = seconds
    seconds = secondsOf(kvs.pid)
    const cpu = (1e6 * (seconds - before)) / latency.count
    const state = machine()
    const { resident } = memoryOf(kvs.pid)
    const { heapUsed: heap = 0, external = 0 } = memory ?? {}
    const postgres = memoryOfTree(kvs.postgresPid)
    const log = await sizeOfLog(directory)
    const { p50, p99, max, count } = latency
    const rate = count / everySeconds
    const one = { at, rate, p50, p99, max, failures, cpu, ...state, resident, heap, external, postgres, log }
    samples.push(one)
    say(describeSample(one))
  }

  say(
    `\n${args.minutes} min at ${rate} requests/s: 50 % GET, 40 % PUT, 10 % DELETE, zipfian keys, 10 B to 4 KiB, 64 connections`,
  )
  seconds = secondsOf(kvs.pid)
  await runGenerator(
    {
      ...{ port: kvs.port, api: 'kvs', connections: 64, rate, seconds: 60 * args.minutes, seed: 1 },
      ...{
        gets: 50,
        deletes: 10,
        keys,
        distribution: 'zipfian',
        bytes,
        allowsMissing: true,
        windowSeconds: everySeconds,
      },
    },
    { signal, onWindow: (window) => void pending.push(sample(window)) },
  )
  await Promise.all(pending)
  return { minutes: args.minutes, rate, samples, warnings: warningsOf(readFileSync(`${directory}/kvs.log`, 'utf8')) }
}

function secondsOf(pid: number): number {
  const { user, system } = cpuOf(pid)
  return user + system
}

async function sizeOfLog(directory: string): Promise<number> {
  const text = `SELECT pg_total_relation_size('transactions') AS bytes`
  const { rows } = await besideNode(directory, (client) => client.query<{ bytes: string }>(text))
  return Number(rows[0]?.bytes)
}

/** Selects the node's log lines of level warn or above. */
function warningsOf(log: string): string[] {
  return log.split('\n').filter((line) => /"level":(4|5|6)0/.test(line))
}
