import type { Write } from '../../../kvs/core/entry.ts'
import { KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import type { Operation } from '../../drill/history.ts'
import { writeOutcome } from '../../drill/workload/request.ts'
import type { RingServer } from './ring-network.ts'

/** A request to a ring, and what came of it. */
export interface RingOperation extends Operation {
  /** Address of the member that has answered; undefined where none has. */
  readonly by?: string
  /** Position of that member before it did what was asked, `LOGID=SEQUENCE`. */
  readonly seen?: string
  /** Tag of the value that was shown or written, where it is in a log. */
  readonly tag?: string
}

/** What a client is told by the member that its key belongs to. */
export type RingAnswer = Pick<
  RingOperation,
  'outcome' | 'status' | 'value' | 'isSpooled' | 'error' | 'by' | 'seen' | 'tag'
>

export interface WriteTerms {
  /** Lifetime of a put, in milliseconds; undefined for ever. */
  readonly ttl?: number | undefined
  /** Set for a put under If-None-Match: *. */
  readonly condition?: 'absent' | undefined
  readonly idempotencyKey?: string | undefined
}

/** Reads as kvs/http/api does. Rejects with `NotOwner` alone. */
export async function readAt({ kv, ring }: RingServer, key: string, isConsistent: boolean): Promise<RingAnswer> {
  const told = { by: ring.self, seen: kv.position() }
  try {
    if (isConsistent) await kv.waitForHead()
    const got = kv.get(key)
    const found = got instanceof Promise ? await got : got
    if (found === undefined) return { outcome: 'ok', status: 404, value: null, ...told }
    return { outcome: 'ok', status: 200, value: found.value.toString(), ...told, ...placeOf(found.tag) }
  } catch (error) {
    const { status, code } = refusalIn(error)
    return { outcome: 'failed', status, error: code, ...told }
  }
}

/** Writes as kvs/http/api does. Rejects with `NotOwner` alone. */
export async function writeAt({ kv, ring }: RingServer, asked: Write, terms: WriteTerms): Promise<RingAnswer> {
  const { ttl, condition, idempotencyKey } = terms
  const told = { by: ring.self, seen: kv.position() }
  try {
    const write = ttl === undefined ? asked : { ...asked, deadline: kv.now() + ttl }
    const isPlain = condition === undefined && idempotencyKey === undefined
    const precondition = condition === undefined ? {} : ({ ifNoneMatch: '*' } as const)
    const lifetime = ttl === undefined ? undefined : String(ttl)
    const stored = await (isPlain
      ? kv.write(write)
      : kv.writeIf({ write, precondition, idempotencyKey, asked: lifetime }))
    if (stored === 'spooled') return { outcome: 'ok', status: 202, isSpooled: true, ...told }
    return { outcome: 'ok', status: write.kind === 'put' ? 201 : 200, ...told, tag: stored.tag }
  } catch (error) {
    const { status, code } = refusalIn(error)
    return { outcome: writeOutcome(status, code), status, error: code, ...told }
  }
}

/** A value without a tag is in the spool. */
const placeOf = (tag: string | undefined) => (tag === undefined ? { isSpooled: true as const } : { tag })

/** An error that is no `KvsError` is a defect, which a node answers with 500. */
function refusalIn(error: unknown): KvsError {
  if (error instanceof NotOwner) throw error
  return error instanceof KvsError ? error : new KvsError('internal', String(error))
}
