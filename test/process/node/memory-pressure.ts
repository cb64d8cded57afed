import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { makeDirectory, type Node, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { until } from '../../support/until.ts'
import { idLength, type Uploads, upload } from '../../support/uploads.ts'

export const mebibyte = 1024 * 1024
export const budget = 64

export async function start(settings: Record<string, string> = {}) {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), {
    ...postgres.environment,
    KVS_MAX_WAITING_BYTES: `${budget}MiB`,
    KVS_SLOW_REQUEST: 'never',
    ...settings,
  })
  // The keys that all write, so that the view has them and does not grow.
  const before = upload(node, 8, mebibyte)
  await until('every key has a value', () => before.acknowledged.length >= 8)
  await before.stop()
  return { postgres, node, peak: peakOf(node) }
}

/** What the process has had resident at the most, from now on, beside what it has now; in MiB. */
export function peakOf({ process: { pid } }: Node): () => number {
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  const idle = kibibytes('VmRSS')
  writeFileSync(`/proc/${pid}/clear_refs`, '5') // the peak begins anew: proc_pid_clear_refs(5)
  return () => (kibibytes('VmHWM') - idle) / 1024
}

/** Acknowledged, and refused for want of room: so the bound was reached, and held to. */
export async function presses(uploads: Uploads, acknowledged: number): Promise<void> {
  await until(
    'enough is acknowledged, and something refused',
    () => uploads.acknowledged.length >= acknowledged && (uploads.statuses.get(503) ?? 0) > 0,
    200_000,
  )
}

export async function expectAllIn(
  postgres: Awaited<ReturnType<typeof startPostgres>>,
  { acknowledged, statuses }: Uploads,
): Promise<void> {
  const rows = await postgres.sql<{ id: string }>(
    `SELECT convert_from(substring(value FOR ${idLength}), 'UTF8') AS id FROM transactions WHERE octet_length(value) = ${mebibyte}`,
  )
  const ids = new Set(rows.map(({ id }) => id))
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([])
  expect([...statuses.keys()].filter((status) => ![201, 202, 503].includes(status))).toEqual([])
}
