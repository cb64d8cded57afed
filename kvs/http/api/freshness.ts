import { KvsError } from '../../core/errors.ts'
import {
  covers,
  formatPosition,
  isBeyondBounds,
  mergePositions,
  type Position,
  parsePosition,
  positionBounds,
} from '../../core/position.ts'
import type { Kv } from '../../kv/index.ts'
import { type DropBody, headerOf, noteWait, type Request } from '../exchange/index.ts'

/**
 * Waits until the store is as fresh as a read asks for, by `KVS-Min-Position` and `?consistent`. Undefined where it
 * asks for nothing. Rejects or throws with `bad_position`, `behind`, `not_ready` or `log_down`.
 * @param needsHead whether everything is to be seen that was acknowledged anywhere
 * @param key the only key that is read; undefined where there may be others
 */
export function awaitFreshness(
  request: Request,
  store: Pick<Kv, 'waitFor' | 'waitForHead'>,
  needsHead: boolean,
  key?: string,
): Promise<void> | undefined {
  const text = headerOf(request, 'kvs-min-position')
  const position = text === undefined ? undefined : store.waitFor(positionIn(text), key)
  if (!needsHead) return position
  return position === undefined ? store.waitForHead() : position.then(() => store.waitForHead())
}

/**
 * Waits until a write without a body of its own can begin: its request is there as a whole, and the store as fresh as
 * it asks for. Rejects as `DropBody` does, and with `bad_position`, `behind` or `not_ready`.
 * @returns as `Kv.dependencyOn`
 */
export async function awaitBegin(
  request: Request,
  { dropBody, store }: { readonly dropBody: DropBody; readonly store: Pick<Kv, 'dependencyOn'> },
  minPosition: string | undefined,
): Promise<Position | undefined> {
  await awaitWhole(request, dropBody)
  return awaitDependency(request, store, minPosition)
}

/** Waits until a request is there as a whole, and drops its body. Rejects as `DropBody` does. */
export async function awaitWhole(request: Request, dropBody: DropBody): Promise<void> {
  const body = dropBody(request)
  if (body === undefined) return
  noteWait(request, 'body')
  await body
}

/**
 * Waits until the store is as fresh as a write asks for. Rejects with `bad_position`, `behind` or `not_ready`.
 * @returns as `Kv.dependencyOn`
 */
export async function awaitDependency(
  request: Request,
  store: Pick<Kv, 'dependencyOn'>,
  minPosition: string | undefined,
): Promise<Position | undefined> {
  let after: Position | undefined
  if (minPosition !== undefined) {
    noteWait(request, 'position')
    after = await store.dependencyOn(positionIn(minPosition))
  }
  noteWait(request, 'log')
  return after
}

/**
 * KVS-Position of the answer to a client that has read or written a key. It does not go back behind the position that
 * the client has sent, whatever became of the key meanwhile.
 * @param minPosition KVS-Min-Position, which the request has waited for
 */
export function positionAfter(store: Pick<Kv, 'position'>, key: string, minPosition: string | undefined): string {
  const text = store.position(key)
  return minPosition === undefined ? text : joinPositions([text, minPosition])
}

/** The least position that covers all of these; the first one as it is where that does. */
export function joinPositions([first = '', ...others]: readonly string[]): string {
  const start = parsePosition(first)
  if (start === undefined) return first
  let all = start
  for (const text of others) {
    const other = text === first ? undefined : parsePosition(text)
    if (other !== undefined && !covers(all, other)) all = mergePositions(all, other)
  }
  return all === start ? first : formatPosition(all)
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
  if (isBeyondBounds(text)) {
    const { length, parts } = positionBounds
    throw new KvsError('bad_position', `KVS-Min-Position has at most ${parts} parts and ${length} bytes`)
  }
  throw new KvsError(
    'bad_position',
    'KVS-Min-Position takes what KVS-Position had, LOGID=SEQUENCE, or several, separated by commas',
  )
}
