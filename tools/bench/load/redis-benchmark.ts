import type { Seen } from '../measure/measured-run.ts'
import { runCommand } from './command.ts'

export interface RedisLoad {
  readonly binary: string
  readonly port: number
  readonly kind: 'put' | 'get'
  readonly connections: number
  readonly bytes: number
  readonly keys: number
  readonly seconds: number
  readonly signal?: AbortSignal | undefined
}

/** Runs redis-benchmark. It counts requests, not seconds: a short run tells how many requests the seconds take. */
export async function requestsFor(load: RedisLoad): Promise<number> {
  const { requests, seconds } = await runRedisBenchmark(load, 5_000)
  return Math.max(5_000, Math.round((requests / seconds) * load.seconds))
}

export async function runRedisBenchmark({ binary, signal, ...load }: RedisLoad, requests: number): Promise<Seen> {
  const args = [
    ...['-h', '127.0.0.1', '-p', String(load.port), '-c', String(load.connections), '-n', String(requests)],
    ...['-r', String(load.keys), '-d', String(load.bytes), '--csv', '-t', load.kind === 'put' ? 'set' : 'get'],
  ]
  const { stdout, seconds } = await runCommand(binary, args, { signal })
  return { ...parseRedisBenchmark(stdout, requests), generatorSeconds: seconds }
}

/** Parses its CSV: test, requests a second, and latencies in milliseconds by name. */
export function parseRedisBenchmark(output: string, requests: number): Omit<Seen, 'generatorSeconds'> {
  const rows = output
    .trim()
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim().replaceAll('"', '')))
  const [headings, row] = [
    rows.find(([first]) => first === 'test'),
    rows.find(([first]) => first === 'SET' || first === 'GET'),
  ]
  const field = (name: string) => Number(row?.[headings?.indexOf(name) ?? -1] ?? Number.NaN)
  const rate = field('rps')
  if (!(rate > 0)) throw new Error(`redis-benchmark printed no rate: ${output.trim().slice(-500)}`)
  const latency = {
    p50: field('p50_latency_ms'),
    p99: field('p99_latency_ms'),
    p999: Number.NaN,
    max: field('max_latency_ms'),
  }
  return { requests, seconds: requests / rate, latency }
}
