import { KvsError } from '../../../core/errors.ts'
import { routedPrefix } from '../../../core/ring/key-slot.ts'
import type { KeyListing, Kv } from '../../../kv/index.ts'
import { type DropBody, noteWait, type Reply, type Request, valueHeaders } from '../../exchange/index.ts'
import { spooled } from '../dialect.ts'
import { positionHeader } from '../error-headers.ts'
import { awaitBegin, joinPositions } from '../freshness.ts'
import { deleteAll } from '../lists/clear-handler.ts'
import { rangesOf } from '../lists/list-ranges.ts'
import type { OpenListing } from '../lists/list-shares.ts'
import { type DefectLog, listReply } from '../lists/list-stream.ts'
import { chunksOf, jsonArray } from '../lists/list-text.ts'
import type { Handle } from '../route.ts'
import { requireNoTerms } from '../sites/members-handlers.ts'
import { queryFormOf } from './route-dialect.ts'
import { textReply } from './text-reply.ts'

export interface OwnKeysOptions {
  readonly store: Kv
  readonly openListing: OpenListing
  readonly dropBody: DropBody
  /** Whether a caller who is not known may clear keys: where there are no tokens, everybody is. */
  readonly allowsClear: boolean
  readonly log: DefectLog
}

/** Keys are taken and made in slices of this many, so that nothing else waits for all of a list. */
const sliceKeys = 250

/** Makes the handler that lists this member's keys of the dialect in order, as its clients know them. */
export function makeKeysHandler({ openListing, log }: Pick<OwnKeysOptions, 'openListing' | 'log'>): Handle {
  return async (request) => {
    requireBare(request)
    const listing = await open(request, openListing, request.method === 'HEAD' ? 1 : undefined)
    const position = positionHeader(listing.position)
    const headers = ['Content-Type', jsonArray.contentType, ...position, ...valueHeaders]
    if (request.method === 'HEAD') {
      listing.close()
      return { status: 200, headers, body: undefined }
    }
    const chunks = chunksOf(keyTexts(listing), jsonArray)
    return listReply(request, { headers, chunks, close: () => listing.close(), log })
  }
}

/**
 * Makes the handler that deletes this member's keys of the dialect, each by a delete of its own. It stops where its
 * client goes away. What it has deleted stays deleted.
 */
export function makeCacheClearer({ store, openListing, dropBody, allowsClear }: OwnKeysOptions): Handle {
  return async (request) => {
    if (request.caller === undefined && !allowsClear) throw new KvsError('clear_not_allowed')
    requireBare(request)
    const after = await awaitBegin(request, { dropBody, store }, undefined)
    const listing = await open(request, openListing, undefined)
    try {
      const { deleted, isSpooled, last } = await deleteAll(request, store, listing, after)
      noteWait(request, undefined)
      request.telemetry.stored = isSpooled ? 'spooled' : last
      return clearedReply(deleted, isSpooled, joinPositions([store.position(), listing.position]))
    } finally {
      listing.close()
    }
  }
}

function clearedReply(deleted: number, isSpooled: boolean, position: string): Reply {
  const headers = ['KVS-Deleted', String(deleted), ...positionHeader(position), ...(isSpooled ? spooled : [])]
  return textReply('OK', headers, isSpooled ? 202 : 200)
}

/** Refuses parameters, conditions and the like. @throws KvsError bad_request */
function requireBare(request: Request): void {
  queryFormOf(request, [])
  requireNoTerms(request, request.path)
}

/** Lists the keys of the dialect, as far as the caller reaches them. Rejects with `forbidden`, and as `OpenListing`. */
async function open(request: Request, openListing: OpenListing, limit: number | undefined): Promise<KeyListing> {
  const reached = request.caller?.prefixesWithin(routedPrefix) ?? [routedPrefix]
  const ranges = rangesOf({ prefix: routedPrefix, reached }, { after: undefined, delimiter: undefined })
  return openListing(request, { ranges, limit, delimiter: undefined })
}

function* keyTexts(listing: KeyListing): Generator<string, undefined> {
  for (;;) {
    const keys = listing.take(sliceKeys)
    if (keys.length === 0) return undefined
    for (const key of keys) yield JSON.stringify(key.toString('utf8', routedPrefix.length))
  }
}
