import type { IncomingMessage } from 'node:http'
import { KvsError } from '../../core/errors.ts'
import { type Position, parsePosition } from '../../core/position.ts'
import type { Kv } from '../../kv/index.ts'
import { headerOf } from '../exchange/index.ts'

/** What a request's demands on how fresh the view is need of the store. */
export type FreshStore = Pick<Kv, 'waitFor' | 'waitForHead'>

/**
 * Waits until the view is as fresh as `KVS-Min-Position` asks for. Undefined where nothing has to be waited for. Rejects,
 * or throws, with `bad_position`, `behind` or `not_ready`.
 */
export function awaitPosition(request: IncomingMessage, store: FreshStore): Promise<void> | undefined {
  const text = headerOf(request, 'kvs-min-position')
  return text === undefined ? undefined : store.waitFor(positionIn(text))
}

/** The same for `?consistent`, besides. Rejects with `log_down` as well. */
export function awaitFreshness(request: IncomingMessage, query: string, store: FreshStore): Promise<void> | undefined {
  const needsHead = isConsistent(query) // before a wait is begun that a throw would leave to reject unheard
  const position = awaitPosition(request, store)
  if (!needsHead) return position
  return position === undefined ? store.waitForHead() : position.then(() => store.waitForHead())
}

function isConsistent(query: string): boolean {
  if (query === '') return false
  // Most client libraries write a flag as a name with an empty value.
  if (query === 'consistent' || query === 'consistent=') return true
  throw new KvsError(
    'bad_request',
    `this service knows no query "?${query}", only "?consistent"; a "?" in a key is written %3F`,
  )
}

function positionIn(text: string): Position {
  const position = parsePosition(text)
  if (position !== undefined) return position
  throw new KvsError(
    'bad_position',
    'KVS-Min-Position takes what KVS-Position had, LOGID=SEQUENCE, or several, separated by commas',
  )
}
