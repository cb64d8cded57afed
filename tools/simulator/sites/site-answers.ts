import type { Write } from '../../../kvs/core/entry.ts'
import { KvsError } from '../../../kvs/core/errors.ts'
import { mergePositions, nowhere, type Position, parsePosition } from '../../../kvs/core/position.ts'
import type { Kv } from '../../../kvs/kv/index.ts'
import type { Sites } from '../../../kvs/sites/index.ts'
import { writeOutcome } from '../../drill/workload/request.ts'
import { readValue } from '../../drill/workload/value.ts'
import type { SiteOperation } from '../../sites-checker/operation.ts'

/** What a client is told, and asks: done at a node's store as kvs/http/api does it. */
export type SiteAnswer = Pick<
  SiteOperation,
  'outcome' | 'status' | 'error' | 'value' | 'sequence' | 'isSpooled' | 'copies'
> & {
  readonly given?: Position
  readonly seen?: string
}

/** What a client is told, as kvs/http/api/freshness.ts joins it. */
function givenBy(kv: Kv, key: string, token: Position | undefined): Position {
  const told = parsePosition(kv.position(key)) ?? nowhere
  return token === undefined ? told : mergePositions(told, token)
}

export interface AskedWrite {
  readonly token: Position | undefined
  /** Lifetime of a put, in milliseconds; undefined for ever. */
  readonly ttl?: number | undefined
  /** Set for a put under If-None-Match: *. */
  readonly condition?: 'absent' | undefined
}

export async function read(kv: Kv, key: string, token: Position | undefined): Promise<SiteAnswer> {
  try {
    if (token && token.sequences.size > 0) await kv.waitFor(token, key)
    const got = kv.get(key)
    const found = got instanceof Promise ? await got : got
    const told = { given: givenBy(kv, key, token), seen: kv.position() }
    if (found === undefined) return { outcome: 'ok', status: 404, value: null, ...told }
    const value = readValue(found.value)
    const sequence = found.tag?.split('-').at(1)
    return {
      ...(value === undefined ? { outcome: 'torn', status: 200 } : { outcome: 'ok', status: 200, value }),
      ...told,
      ...(sequence === undefined ? { isSpooled: true as const } : { sequence: Number(sequence) }),
    }
  } catch (error) {
    const { status, code } = known(error)
    return { outcome: 'failed', status, error: code }
  }
}

interface WrittenAt {
  readonly kv: Kv
  readonly sites?: Sites | undefined
  /** How many logs have an entry of the site by now, those that are gone as well. */
  readonly copiesOf: (sequence: bigint) => number
}

/** A write with fewer copies than are wanted is accepted, and the answer says so. */
export async function write(
  { kv, sites, copiesOf }: WrittenAt,
  asked: Write,
  { token, ttl, condition }: AskedWrite,
): Promise<SiteAnswer> {
  try {
    const after = token && token.sequences.size > 0 ? await kv.dependencyOn(token) : undefined
    const mortal = ttl === undefined ? asked : { ...asked, deadline: kv.now() + ttl }
    const all = after === undefined ? mortal : { ...mortal, after }
    const stored = condition
      ? await kv.writeIf({ write: all, precondition: { ifNoneMatch: '*' }, idempotencyKey: undefined })
      : await kv.write(all)
    const given = givenBy(kv, asked.key, token)
    if (stored === 'spooled') return { outcome: 'ok', status: 202, given, isSpooled: true }
    const written = { outcome: 'ok', given, sequence: Number(stored.sequence) } as const
    const status = asked.kind === 'put' ? 201 : 200
    if (!sites?.copies) return { ...written, status }
    const told = await sites.copies.wait(stored.sequence, 0).done
    const copies = { told, true: copiesOf(stored.sequence) }
    return { ...written, status: told < sites.copies.wanted ? 202 : status, copies }
  } catch (error) {
    const { status, code } = known(error)
    return { outcome: writeOutcome(status, code), status, error: code }
  }
}

/** An error that is no `KvsError` is a defect, which a node answers with 500. */
function known(error: unknown): KvsError {
  return error instanceof KvsError ? error : new KvsError('internal', String(error))
}

export function writeOf(key: string, value: Buffer | undefined): Write {
  return value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value, contentType: undefined }
}
