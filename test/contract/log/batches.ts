import type { SpooledWrite, Write } from '../../../kvs/core/entry.ts'
import type { Version } from '../../../kvs/core/version.ts'
import type { Decided, LogSession } from '../../../kvs/log/index.ts'
import { put } from '../../support/entries.ts'

export function spooled(number: bigint, key: string, superseded = false): SpooledWrite {
  return { number, superseded, write: put(key, `${number}`) }
}

export function decided(write: Write, rest: Partial<Decided> = {}): Decided {
  return { write, lands: true, current: undefined, idempotency: undefined, ...rest }
}

export function under(key: string, request = 'r') {
  return { key, request: Buffer.from(request) }
}

/** As a node tells it; the log takes its word, and gives it back. */
export function toldVersion(sequence: bigint): Version {
  return { sequence, tag: `the node's for ${sequence}` }
}

/** As the log has it. */
export async function versionIn(session: LogSession, sequence: bigint): Promise<Version> {
  const [entry] = await session.read(sequence - 1n, sequence)
  if (entry === undefined) throw new Error(`the log has no entry ${sequence}`)
  return { sequence, tag: `${session.head.logId}-${sequence}-${entry.digest.toString('hex', 0, 4)}` }
}
