import type { Found } from '../core/entry.ts'
import { setsValue, type Write } from '../core/operation/operation.ts'
import { hasPassed, unlessLapsed } from '../core/version.ts'
import type { Spool } from '../spool/index.ts'
import type { VisitKey } from '../view/index.ts'
import type { HeldBatch } from './append/held-batch.ts'
import type { Mirror } from './mirror.ts'
import type { RingGuard } from './ring-hooks.ts'

export interface ShownParts {
  readonly mirror: Pick<Mirror, 'view'>
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  readonly held: Pick<HeldBatch, 'hides'>
  /** The log server's clock, as `Log.now`. */
  readonly now: () => number | undefined
  /** Undefined where the log is no ring member's. */
  readonly ring?: Pick<RingGuard, 'isCopy'> | undefined
}

/**
 * What readers see: the view, with the spool over it, without what a held batch hides, and without keys from their
 * deadlines on. Whatever changes the answers for a key tells `ShownKeys.note`; a change of the ring, `ShownKeys.drop`.
 */
export interface Shown {
  /** The key's value; undefined where readers see none. Who asks has seen to it that the log owns the key. */
  get(key: string): Found | undefined
  /** Whether the key is in lists and counts: whether `get` has a value, and the key is no copy of another member's. */
  has(key: string): boolean
  /** The same for a key that the view has, with its deadline there. It mostly does without the key as text. */
  hasOfView: (...key: Parameters<VisitKey>) => boolean
}

export function makeShown({ mirror, spool, held, now, ring }: ShownParts): Shown {
  /** The write that readers see instead of what the view has. */
  const spooledOver = (key: string): Write | undefined => (held.hides(key) ? undefined : spool?.get(key))

  function has(key: string): boolean {
    if (ring?.isCopy(key)) return false
    const spooled = spooledOver(key)
    if (spooled === undefined) return mirror.view.has(key, now())
    return setsValue(spooled) && !hasPassed(spooled.deadline, now())
  }

  return {
    get(key) {
      const spooled = spooledOver(key)
      const found = spooled === undefined ? mirror.view.get(key) : foundIn(spooled)
      return found?.deadline === undefined ? found : unlessLapsed(found, now())
    },
    has,
    hasOfView(bytes, start, length, deadline) {
      const isForView = ring === undefined && (spool === undefined || spool.writes === 0)
      return isForView ? !hasPassed(deadline, now()) : has(bytes.toString('utf8', start, start + length))
    },
  }
}

/** What a key has by a write that is not in the log yet. */
function foundIn(spooled: Write): Found | undefined {
  if (!setsValue(spooled)) return undefined
  const { value, contentType, deadline } = spooled
  return { value, contentType, tag: undefined, modifiedAt: undefined, deadline }
}
