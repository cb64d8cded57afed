import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Seen } from '../measure/measured-run.ts'
import { latencyOf } from '../measure/stats.ts'
import type { Postgres } from '../servers/pgbench-postgres.ts'
import { runCommand } from './command.ts'
import { valueFor } from './entries.ts'

export interface PgbenchLoad {
  readonly binary: string
  readonly postgres: Pick<Postgres, 'environment'>
  readonly clients: number
  readonly bytes: number
  readonly seconds: number
  /** Logs each transaction, for percentiles. It costs pgbench time, and so lowers its rate. */
  readonly keepsTimes: boolean
  readonly signal?: AbortSignal | undefined
}

/** Runs pgbench: one prepared INSERT a transaction, a thread for every 16 clients. */
export async function runPgbench({
  binary,
  postgres,
  clients,
  bytes,
  seconds,
  keepsTimes,
  signal,
}: PgbenchLoad): Promise<Seen> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-pgbench-'))
  try {
    const script = join(directory, 'insert.sql')
    const sql = await readFile(new URL('insert.sql', import.meta.url), 'utf8')
    await writeFile(script, sql.replace('@value@', valueFor(1, bytes)))
    const { stdout, seconds: generatorSeconds } = await runCommand(
      binary,
      [
        ...['--no-vacuum', '--protocol', 'prepared', '--file', script],
        ...(keepsTimes ? ['--log', '--log-prefix', join(directory, 'times')] : []),
        ...['--client', String(clients), '--jobs', String(Math.ceil(clients / 16)), '--time', String(seconds)],
      ],
      { env: { PATH: process.env.PATH, ...postgres.environment }, signal },
    )
    const logs = (await readdir(directory)).filter((name) => name.startsWith('times'))
    const times = await Promise.all(logs.map((name) => readFile(join(directory, name), 'latin1')))
    const { count, ...latency } = latencyOf(parseTimes(times.join('')))
    return { ...parsePgbench(stdout), generatorSeconds, ...(count > 0 && { latency }) }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** Parses what pgbench prints at the end. */
export function parsePgbench(output: string): Omit<Seen, 'generatorSeconds'> {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? Number.NaN)
  const requests = number(/^number of transactions actually processed: (\d+)/m)
  const rate = number(/^tps = ([\d.]+)/m)
  if (!(rate > 0) || !(requests > 0)) throw new Error(`pgbench printed no rate: ${output.trim().slice(-500)}`)
  const failed = number(/^number of failed transactions: (\d+)/m)
  return { requests, seconds: requests / rate, ...(failed > 0 && { problem: `${failed} failed transactions` }) }
}

/** Reads latencies in milliseconds from pgbench's log, whose third column has microseconds. */
export function parseTimes(log: string): Float64Array {
  const lines = log.trim().split('\n').filter(Boolean)
  return Float64Array.from(lines, (line) => Number(line.split(' ')[2]) / 1000)
}
