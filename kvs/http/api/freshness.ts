import type { IncomingMessage } from 'node:http'
import { KvsError } from '../../core/errors.ts'
import { headerOf } from '../exchange/index.ts'

/** What a request's demands on how fresh the view is need of the store. */
export interface FreshStore {
  /** Undefined as long as it is not known. */
  logId(): string | undefined
  reach(sequence: bigint): Promise<void>
  reachHead(): Promise<void>
}

/**
 * Waits until the view is as fresh as `KVS-Min-Position` asks for. Undefined where nothing has to be waited for. Rejects,
 * or throws, with `bad_position`, `behind` or `not_ready`.
 */
export function awaitPosition(request: IncomingMessage, store: FreshStore): Promise<void> | undefined {
  const text = headerOf(request, 'kvs-min-position')
  return text === undefined ? undefined : store.reach(sequenceIn(text, store.logId()))
}

/** The same for `?consistent`, besides. Rejects with `log_down` as well. */
export function awaitFreshness(request: IncomingMessage, query: string, store: FreshStore): Promise<void> | undefined {
  const needsHead = isConsistent(query) // before a wait is begun that a throw would leave to reject unheard
  const position = awaitPosition(request, store)
  if (!needsHead) return position
  return position === undefined ? store.reachHead() : position.then(() => store.reachHead())
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

/** The newest of the positions, of which a client may have several, from several nodes. */
function sequenceIn(text: string, logId: string | undefined): bigint {
  let newest = 0n
  const parts = text.split(',').filter((part) => part.trim() !== '') // RFC 9110, 5.6.1.2
  for (const part of parts.length > 0 ? parts : [text]) {
    const [, of, digits] = /^\s*([^\s=]+)=(\d{1,19})\s*$/.exec(part) ?? []
    if (of === undefined || digits === undefined) {
      throw new KvsError(
        'bad_position',
        'KVS-Min-Position takes what KVS-Position had, LOGID=SEQUENCE, or several, separated by commas',
      )
    }
    if (logId !== undefined && of !== logId) {
      throw new KvsError('bad_position', `KVS-Min-Position names the log ${of}; this node’s log is ${logId}`)
    }
    if (BigInt(digits) > newest) newest = BigInt(digits)
  }
  return newest
}
