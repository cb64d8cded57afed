import { ConditionFailed, NotOwner } from '../../../core/errors.ts'
import type { Precondition } from '../../../core/precondition.ts'
import { hasPassed } from '../../../core/version.ts'
import type { Kv, PassedOnWrite, RingService } from '../../../kv/index.ts'
import { headerOf, noteWait, type ReceiveBody, type Reply, type Request } from '../../exchange/index.ts'
import type { Handle } from '../route.ts'
import { requireWholeReach, stateReply } from './ring-handlers.ts'
import { passedOnIn } from './spooled-body.ts'

export interface SpooledHandlerOptions {
  readonly store: Pick<Kv, 'writeIf' | 'now'>
  readonly ring: RingService
  /** Receives bodies with a value. */
  readonly receiveBody: ReceiveBody
}

/**
 * Makes the handler by which a member does what another one has in its spool. It answers 200 once the write is
 * committed, or superseded. A member that does not own the key refuses with `not_owner`, as does one that is not in the
 * ring that KVS-Ring names: it may have been made anew, and be in none.
 */
export function makeSpooledHandler({ store, ring, receiveBody }: SpooledHandlerOptions): Handle {
  return (request) => {
    requireWholeReach(request)
    requireSameRing(request, ring)
    noteWait(request, 'body')
    return receiveBody(request, async (body): Promise<Reply> => {
      noteWait(request, undefined)
      await doOnce(store, passedOnIn(body))
      return stateReply(ring)
    })
  }
}

/** @throws NotOwner */
function requireSameRing(request: Request, ring: RingService): void {
  const idIn = (version: string) => version.split('=', 1)[0]
  const version = ring.versionText()
  if (version === '' || idIn(headerOf(request, 'kvs-ring') ?? '') !== idIn(version)) throw new NotOwner(version)
}

/**
 * Does the write, unless the key has changed since the write was accepted: then it is superseded. A key whose value
 * was to end by itself has not changed where it has none any more. Repeated, it comes to the same answer, as both
 * questions are asked in the same order, each under a key of its own. Rejects as `Kv.writeIf`, but with no
 * `ConditionFailed`.
 */
export async function doOnce(store: SpooledHandlerOptions['store'], passedOn: PassedOnWrite): Promise<void> {
  const { write, seen, idempotencyKey } = passedOn
  const isDone = await tryIf(store, write, unchanged(seen), idempotencyKey)
  if (isDone || seen === undefined || seen.tag === '' || !hasPassed(seen.deadline, store.now())) return
  await tryIf(store, write, { ifNoneMatch: '*' }, `${idempotencyKey}-lapsed`)
}

function unchanged(seen: PassedOnWrite['seen']): Precondition {
  if (seen === undefined) return {}
  return seen.tag === '' ? { ifNoneMatch: '*' } : { ifMatch: [seen.tag] }
}

/** Returns whether the condition holds, or held when this was first asked. */
async function tryIf(
  store: SpooledHandlerOptions['store'],
  write: PassedOnWrite['write'],
  precondition: Precondition,
  idempotencyKey: string,
): Promise<boolean> {
  try {
    await store.writeIf({ write, precondition, idempotencyKey })
    return true
  } catch (error) {
    if (error instanceof ConditionFailed) return false
    throw error
  }
}
