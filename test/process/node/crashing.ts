import { setTimeout as sleep } from 'node:timers/promises'
import { type Node, startReadyNode } from '../../support/node.ts'
import { isWhole, type Seen, startWriters } from '../../support/writers.ts'

export interface Row {
  sequence: string
  event_type: number
  key: string
  value: Buffer | null
}

type Sql = (text: string) => Promise<Row[]>

const allEntries = 'SELECT sequence, event_type, key, value FROM transactions ORDER BY sequence'
const clients = 6
const keys = 12

/**
 * What must hold after every crash:
 * - sequences are gapless, so no entry ever vanished or was written outside the order
 * - every value in the log is whole, and there once
 * - every acknowledged write is in the log, a PUT that was not spooled at the very sequence that was answered
 * - every value in the log is one that a client sent
 * - what the node shows is the fold of the log
 */
async function check(sql: Sql, seen: readonly Seen[], node: Node): Promise<void> {
  const rows = await sql(allEntries)
  const bySequence = new Map<bigint, Row>()
  const fold = new Map<string, string>()
  const values = new Set<string>()
  const sent = new Set(seen.map((write) => write.value))
  rows.forEach((row, index) => {
    if (row.sequence !== String(index + 1)) throw new Error(`the log has a gap before ${row.sequence}`)
    bySequence.set(BigInt(row.sequence), row)
    if (row.event_type === 1) {
      fold.delete(row.key)
      return
    }
    const value = String(row.value)
    if (!isWhole(value)) throw new Error(`entry ${row.sequence} is torn`)
    if (values.has(value)) throw new Error(`entry ${row.sequence} is there twice`)
    if (!sent.has(value)) throw new Error(`entry ${row.sequence} was never sent`)
    values.add(value)
    fold.set(row.key, value)
  })
  const deletes = rows.filter((row) => row.event_type === 1)
  const acknowledged = seen.filter((write) => write.isAcknowledged)
  for (const { key, value, sequence } of acknowledged) {
    if (value === undefined) continue
    if (!values.has(value)) throw new Error(`the acknowledged value ${value.slice(0, 40)} is lost`)
    if (sequence === undefined) continue
    const row = bySequence.get(sequence)
    if (row?.key !== key || String(row.value) !== value) throw new Error(`the acknowledged entry ${sequence} is lost`)
  }
  const deleted = acknowledged.filter((write) => write.value === undefined).length
  if (deletes.length < deleted)
    throw new Error(`${deleted} deletes were acknowledged, ${deletes.length} are in the log`)
  for (let n = 0; n < keys; n++) {
    const key = `key ${n}`
    const answer = await fetch(`${node.url}/v1/${encodeURIComponent(key)}`)
    const shown = answer.status === 404 ? undefined : await answer.text()
    if (shown !== fold.get(key)) throw new Error(`${key} is not what the log makes of it`)
  }
}

interface Run {
  rounds: number
  directory: string
  env: Record<string, string>
  sql: Sql
  /** Kills something; afterwards the node itself must be gone. */
  crash(node: Node): void | Promise<void>
}

/** Rounds of: start, check all that was ever seen, write, crash at a random moment. */
export async function crashRepeatedly({ rounds, directory, env, sql, crash }: Run): Promise<Seen[]> {
  const seen: Seen[] = []
  for (let round = 0; round <= rounds; round++) {
    const node = await startReadyNode(directory, env)
    await check(sql, seen, node)
    if (round === rounds) break
    let isGone = false
    const writing = startWriters(clients, keys, seen, `round${round}`).against(node.url, () => isGone)
    await sleep(Math.random() * 150) // the random moment
    await crash(node)
    node.kill('SIGKILL')
    isGone = true
    await Promise.all([node.ended, writing])
  }
  return seen
}
