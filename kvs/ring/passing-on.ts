import { createHash } from 'node:crypto'
import type { SpooledWrite } from '../core/entry.ts'
import { KvsError, NotOwner } from '../core/errors.ts'
import { partsOf } from '../core/operation/operation.ts'
import type { PassedOnWrite, RingService } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'

export interface PassingOnOptions {
  readonly ring: Pick<RingService, 'self' | 'versionText' | 'ownersOf' | 'learnFrom'>
  /** Makes what asks the member at an address. Called once for each. */
  readonly connect: (address: string) => TakesSpooled
  readonly clock?: Pick<Clock, 'sleep'>
}

/**
 * Asks a member to do a write. Resolves once it is committed there, or superseded. Rejects with `NotOwner` where the
 * member does not own the key, and with `cannot_forward` where it does not do it for any other reason.
 * @param version of the ring that this node goes by, as `RingService.versionText`
 */
export type TakesSpooled = (passedOn: PassedOnWrite, version: string) => Promise<void>

/** How often a key's owners are asked, where none of them says that it is one. */
const mostTries = 4
const pauseMs = 50

/**
 * Passes on a write of a writer's spool to the member that owns its key now. It may be called again for the same write,
 * by any node, and the write is done once. Rejects with `cannot_forward`, which names the member that can't be asked.
 */
export function makePassingOn({ ring, connect, clock = systemClock }: PassingOnOptions) {
  const clients = new Map<string, TakesSpooled>()

  function clientAt(address: string): TakesSpooled {
    const client = clients.get(address) ?? connect(address)
    clients.set(address, client)
    return client
  }

  /** Returns whether the member has done it. Rejects as `TakesSpooled`, but with no `NotOwner`. */
  async function tryAt(address: string, passedOn: PassedOnWrite): Promise<boolean> {
    try {
      await clientAt(address)(passedOn, ring.versionText())
      return true
    } catch (error) {
      if (!(error instanceof NotOwner)) throw error
      if (error.ring !== ring.versionText()) await ring.learnFrom(address)
      return false
    }
  }

  return async (writerId: string, spooled: SpooledWrite): Promise<void> => {
    const passedOn = passedOnOf(writerId, spooled)
    for (let tries = 1; ; tries++) {
      let failure: unknown
      for (const address of ring.ownersOf(passedOn.write.key)) {
        if (address === ring.self) continue
        try {
          if (await tryAt(address, passedOn)) return
        } catch (error) {
          // While a change is under way, the other one may be the owner.
          failure = error
        }
      }
      if (failure !== undefined) throw failure
      if (tries === mostTries)
        throw new KvsError('cannot_forward', 'no member says that it owns the key; is the ring being changed?')
      await clock.sleep(tries * pauseMs)
    }
  }
}

function passedOnOf(writerId: string, { number, write, seen }: SpooledWrite): PassedOnWrite {
  if (write.kind !== 'put' && write.kind !== 'delete') throw new Error(`a ${write.kind} is never spooled`)
  // A log that was restored gives numbers again, to other writes.
  const hash = createHash('sha256')
  for (const part of [write.kind, write.key, seen?.tag ?? '?', String(write.deadline), ...partsOf(write)]) {
    const bytes = Buffer.from(part)
    hash.update(`${bytes.length}:`).update(bytes)
  }
  const idempotencyKey = `spool-${writerId}-${number}-${hash.digest('hex').slice(0, 16)}`
  return { write, idempotencyKey, seen }
}
