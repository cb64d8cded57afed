import type { IncomingMessage } from 'node:http'
import type { Write } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import type { ConditionalWrite, InLog, Stored } from '../../kv/index.ts'
import { type Caller, hasHeader } from '../exchange/index.ts'
import { awaitPosition, type FreshStore } from './freshness.ts'
import { idempotencyKeyOf, preconditionOf } from './precondition-headers.ts'
import { refuseUnmet } from './refused-headers.ts'

/** What writes need of the store. */
export interface WritableStore extends FreshStore {
  write(write: Write): Promise<Stored>
  writeIf(conditional: ConditionalWrite): Promise<InLog>
}

/**
 * How a request's write is to be done, by its headers: at once, under a condition, after a position.
 * @throws KvsError bad_request, unsupported_encoding
 */
export function writerFor(
  request: IncomingMessage,
  query: string,
  store: WritableStore,
  caller: Caller | undefined,
): (write: Write) => Promise<Stored> {
  if (query !== '') throw new KvsError('bad_request', 'a write takes no query; a "?" in a key is written %3F')
  refuseUnmet(request)
  const precondition = preconditionOf(request)
  const idempotencyKey = idempotencyKeyOf(request, caller)
  const isPlain = precondition === undefined && idempotencyKey === undefined
  const write = (write: Write) =>
    isPlain ? store.write(write) : store.writeIf({ write, precondition: precondition ?? {}, idempotencyKey })
  if (!hasHeader(request, 'kvs-min-position')) return write
  return async (content) => {
    await awaitPosition(request, store)
    return write(content)
  }
}
