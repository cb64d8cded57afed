import { fileURLToPath } from 'node:url'
import type { Seen } from '../measure/measured-run.ts'
import type { HttpServer } from '../servers/server.ts'
import { runCommand } from './command.ts'

const script = fileURLToPath(new URL('requests.lua', import.meta.url))

export interface Workload {
  /** Percentage of GETs; the rest are PUTs. */
  readonly gets: number
  readonly bytes: number
  readonly keys: number
  readonly distribution: 'uniform' | 'zipfian'
  readonly connections: number
}

export interface WrkOptions {
  readonly binary: string
  readonly server: Pick<HttpServer, 'api' | 'port'>
  readonly workload: Workload
  readonly seconds: number
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

export async function runWrk({ binary, server, workload, seconds, seed, signal }: WrkOptions): Promise<Seen> {
  const { gets, bytes, keys, distribution, connections } = workload
  const { stdout } = await runCommand(
    binary,
    [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--timeout', '10s'],
      ...['--script', script, `http://127.0.0.1:${server.port}`, '--'],
      ...[server.api, String(gets), String(bytes), String(keys), distribution, String(seed)],
    ],
    { signal },
  )
  return parseWrk(stdout)
}

interface Result {
  readonly requests: number
  readonly seconds: number
  readonly generatorSeconds: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly errors: Readonly<Record<string, number>>
}

/** Parses the line that requests.lua prints at the end. */
export function parseWrk(output: string): Seen {
  const line = /^RESULT (\{.*\})$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk printed no result: ${output.trim().slice(-500)}`)
  const { requests, seconds, generatorSeconds, p50, p99, p999, max, errors }: Result = JSON.parse(line)
  const happened = Object.entries(errors).filter(([, count]) => count > 0)
  const problems = happened.map(([kind, count]) => `${count} ${problemNames[kind] ?? kind}`)
  if (requests === 0) problems.push('no request was answered')
  return {
    ...{ requests, seconds, generatorSeconds, latency: { p50, p99, p999, max } },
    ...(problems.length > 0 && { problem: problems.join(', ') }),
  }
}

const problemNames: Readonly<Record<string, string>> = {
  connect: 'failed connects',
  read: 'failed reads',
  write: 'failed writes',
  timeout: 'timeouts',
  status: 'answers that were not 2xx',
}
