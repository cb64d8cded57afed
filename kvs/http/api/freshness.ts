import { KvsError } from '../../core/errors.ts'
import { type Position, parsePosition } from '../../core/position.ts'
import type { Kv } from '../../kv/index.ts'
import { type DropBody, headerOf, noteWait, type Request } from '../exchange/index.ts'

/**
 * Waits until the store is as fresh as a read asks for, by `KVS-Min-Position` and `?consistent`. Undefined where it
 * asks for nothing. Rejects or throws with `bad_position`, `behind`, `not_ready` or `log_down`.
 * @param needsHead whether everything is to be seen that was acknowledged anywhere
 */
export function awaitFreshness(
  request: Request,
  store: Pick<Kv, 'waitFor' | 'waitForHead'>,
  needsHead: boolean,
): Promise<void> | undefined {
  const text = headerOf(request, 'kvs-min-position')
  const position = text === undefined ? undefined : store.waitFor(positionIn(text))
  if (!needsHead) return position
  return position === undefined ? store.waitForHead() : position.then(() => store.waitForHead())
}

/**
 * Waits until a write without a body of its own can begin: its request is there as a whole, and the store as fresh as
 * it asks for. Rejects as `DropBody` does, and with `bad_position`, `behind` or `not_ready`.
 */
export async function awaitBegin(
  request: Request,
  { dropBody, store }: { readonly dropBody: DropBody; readonly store: Pick<Kv, 'waitFor'> },
  minPosition: string | undefined,
): Promise<void> {
  const body = dropBody(request)
  if (body !== undefined) {
    noteWait(request, 'body')
    await body
  }
  if (minPosition !== undefined) {
    noteWait(request, 'position')
    await store.waitFor(positionIn(minPosition))
  }
  noteWait(request, 'log')
}

/**
 * Whether the query of a read of one key asks for all that was acknowledged anywhere.
 * @throws KvsError bad_request where it asks for anything else
 */
export function isConsistent(query: string): boolean {
  if (query === '') return false
  // Most client libraries write a flag as a name with an empty value.
  if (query === 'consistent' || query === 'consistent=') return true
  throw new KvsError(
    'bad_request',
    `this service knows no query "?${query}", only "?consistent"; a "?" in a key is written %3F`,
  )
}

/**
 * Reads the value of a KVS-Min-Position.
 * @throws KvsError bad_position
 */
export function positionIn(text: string): Position {
  const position = parsePosition(text)
  if (position !== undefined) return position
  throw new KvsError(
    'bad_position',
    'KVS-Min-Position takes what KVS-Position had, LOGID=SEQUENCE, or several, separated by commas',
  )
}
