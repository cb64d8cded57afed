import { KvsError } from '../../../core/errors.ts'
import type { Position } from '../../../core/position.ts'
import type { InLog, KeyListing, Kv, Stored } from '../../../kv/index.ts'
import { Broken, type DropBody, noteWait, type Reply, type Request } from '../../exchange/index.ts'
import { spooled } from '../dialect.ts'
import { ClearBrokeOff } from '../error-headers.ts'
import { awaitBegin, joinPositions } from '../freshness.ts'
import { type Collection, collectionFor } from '../key-decoding.ts'
import type { Handle } from '../route.ts'
import type { Routing } from '../routing.ts'
import { writeTermsOf } from '../write-command.ts'
import { collectionPrefix } from './asked-list.ts'
import { gatheringClear } from './gathered/gathered-clear.ts'
import { slotsHeader } from './gathered/part-slots.ts'
import { rangesOf } from './list-ranges.ts'
import type { OpenListing } from './list-shares.ts'

export interface ClearHandlerOptions {
  readonly store: Kv
  readonly openListing: OpenListing
  readonly dropBody: DropBody
  /** Whether a caller who is not known may clear keys: where there are no tokens, everybody is. */
  readonly allowsClear: boolean
  /** Undefined where there is no ring. */
  readonly routing?: Routing | undefined
}

/** Most deletes of one clear that are under way. */
const maxUnderWay = 1_000

/** How far a clear has come. */
export interface Progress {
  deleted: number
  isSpooled: boolean
  /** The last of the deletes in the log; undefined where there is none. */
  last: InLog | undefined
}

/**
 * Makes the handler that deletes the keys of a collection: those that are shown when it begins, each by a delete of its
 * own. It stops where its client goes away. What it has deleted stays deleted. In a ring it has all members delete
 * theirs.
 */
export function makeClearHandler(options: ClearHandlerOptions): Handle {
  const { store, openListing, dropBody, allowsClear, routing } = options

  async function clear(request: Request): Promise<Reply> {
    const { collection, minPosition } = askedClearOf(request, allowsClear)
    const after = await awaitBegin(request, { dropBody, store }, minPosition)
    const ranges = rangesOf(collection, { after: undefined, delimiter: undefined })
    const listing = await openListing(request, { ranges, limit: undefined, delimiter: undefined })
    try {
      const progress = await deleteAll(request, store, listing, after)
      const position = joinPositions([store.position(), listing.position, minPosition ?? ''])
      return replyTo(request, progress, ['KVS-Position', position, ...slotsHeader(request, listing.owns)])
    } finally {
      listing.close()
    }
  }

  if (routing === undefined) return clear
  return gatheringClear(clear, { routing, dropBody, check: (request) => void askedClearOf(request, allowsClear) })
}

interface AskedClear {
  readonly collection: Collection
  readonly minPosition: string | undefined
}

/** @throws KvsError bad_key, bad_request, forbidden, clear_not_allowed */
function askedClearOf(request: Request, allowsClear: boolean): AskedClear {
  const collection = collectionFor(request, request.path.slice(collectionPrefix.length))
  if (request.caller === undefined && !allowsClear) throw new KvsError('clear_not_allowed')
  return { collection, minPosition: minPositionOf(request) }
}

/** @throws KvsError bad_request */
function minPositionOf(request: Request): string | undefined {
  const { precondition, idempotencyKey, minPosition } = writeTermsOf(request)
  if (precondition !== undefined) {
    throw new KvsError('bad_request', 'a clear takes no condition: its keys have an ETag each; nothing was deleted')
  }
  if (idempotencyKey !== undefined) {
    throw new KvsError(
      'bad_request',
      'a clear takes no Idempotency-Key: a repeated one deletes what it then finds; nothing was deleted',
    )
  }
  return minPosition
}

/**
 * Deletes the keys of a listing, each by a delete of its own.
 * @throws ClearBrokeOff, Broken
 */
export async function deleteAll(
  request: Request,
  store: Kv,
  listing: KeyListing,
  after: Position | undefined,
): Promise<Progress> {
  const progress: Progress = { deleted: 0, isSpooled: false, last: undefined }
  const write = { kind: 'delete' as const, ...(after && { after }) }
  let underWay = maxUnderWay
  let keys = keysIn(listing)
  while (keys.length > 0) {
    if (request.isOver) throw new Broken('the client is gone')
    const results = await Promise.allSettled(keys.slice(0, underWay).map((key) => store.write({ ...write, key })))
    const refused = note(results, progress)
    const landed = results.length - refused.length
    if (landed === 0) throw new ClearBrokeOff(new KvsError('overloaded'), progress.deleted)
    // As many as the queue of writes has room for.
    underWay = refused.length > 0 ? landed : Math.min(2 * underWay, maxUnderWay)
    const left = [...refused.map((at) => keys[at] as string), ...keys.slice(results.length)]
    keys = left.length > 0 ? left : keysIn(listing)
  }
  return progress
}

function keysIn(listing: KeyListing): string[] {
  return listing.take(maxUnderWay).map((key) => key.toString())
}

/**
 * Counts what was deleted. Returns the indices of the deletes that the store had no room for.
 * @throws ClearBrokeOff where others failed
 */
function note(results: readonly PromiseSettledResult<Stored>[], progress: Progress): number[] {
  const refused: number[] = []
  const failures: KvsError[] = []
  for (const [at, result] of results.entries()) {
    if (result.status === 'fulfilled') {
      if (result.value === 'spooled') progress.isSpooled = true
      else if (result.value.sequence > (progress.last?.sequence ?? 0n)) progress.last = result.value
      if (result.value === 'spooled' || result.value.replaced) progress.deleted++
    } else if (!(result.reason instanceof KvsError)) throw result.reason
    else if (result.reason.code === 'overloaded') refused.push(at)
    else failures.push(result.reason)
  }
  const failure = failures.find(({ code }) => code === 'undecided') ?? failures[0]
  if (failure !== undefined) throw new ClearBrokeOff(failure, progress.deleted)
  return refused
}

function replyTo(request: Request, { deleted, isSpooled, last }: Progress, others: readonly string[]): Reply {
  noteWait(request, undefined)
  request.telemetry.stored = isSpooled ? 'spooled' : last
  const headers = ['KVS-Deleted', String(deleted), ...others]
  return {
    status: isSpooled ? 202 : 200,
    headers: [...headers, ...(isSpooled ? spooled : []), 'Content-Length', '0'],
    body: undefined,
  }
}
