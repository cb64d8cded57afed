import { KvsError } from '../core/errors.ts'
import { formatPosition, mergePositions, type Position, positionAt, sequenceIn } from '../core/position.ts'
import { type Kv, requireKnownLogs } from '../kv/index.ts'
import type { Mirror } from './mirror.ts'
import type { PositionWaits } from './position-waits.ts'
import { may } from './state/permissions.ts'
import type { StateMachine } from './state/state-machine.ts'
import { hasSeen } from './view-position.ts'

/** The part of the store on the positions that clients pass on. */
export interface Tokens extends Pick<Kv, 'position' | 'waitFor' | 'dependencyOn'> {
  /** As `position`, for a client that has read all keys. */
  positionOfAll(): string
}

export interface TokensParts {
  /** Whether the log takes over entries of other logs. */
  readonly site: boolean
  /** Whether the log is a ring member's: positions may name logs of others, which are left to these. */
  readonly inRing: boolean
  /** Whether the site was taken out of its group. Then it answers from what it has, and waits for nobody. */
  readonly isRemoved: () => boolean
  readonly mirror: Pick<Mirror, 'view' | 'logId' | 'position'>
  readonly waits: Pick<PositionWaits, 'untilSeen'>
  readonly machine: Pick<StateMachine, 'state'>
  /** Throws `not_ready` where nothing may be read. */
  readonly requireReadable: () => void
}

export function makeTokens(parts: TokensParts): Tokens {
  const { site, isRemoved, mirror, machine } = parts
  /** The last text that names more than the view has: lists give the same one until something changes. */
  let extended: { readonly seen: Position; readonly dependency: Position; readonly text: string } | undefined

  function textWith(dependency: Position | undefined): string {
    if (dependency === undefined) return mirror.position ?? ''
    const { seen } = mirror.view
    if (extended?.seen !== seen || extended.dependency !== dependency) {
      extended = { seen, dependency, text: formatPosition(mergePositions(seen, dependency)) }
    }
    return extended.text
  }

  return {
    position: (key) => textWith(key === undefined ? undefined : dependencyOf(mirror, key)),
    positionOfAll: () => textWith(mirror.view.unmet === 0 ? undefined : mirror.view.dependencies),

    async waitFor(position, key) {
      if (isInPast(parts, position, key)) return
      const late = await waitUntilSeen(parts, position)
      if (late !== undefined && !isInPast(parts, position, key)) throw late
    },

    async dependencyOn(position) {
      if (isRemoved() && !hasSeen(mirror.view.seen, position)) return position
      const late = await waitUntilSeen(parts, position)
      if (late === undefined) return undefined
      if (!site || !may(machine.state, 'conditionalWrites')) throw late
      return position
    },
  }
}

/** Whether the key's newest entry was written with the position in its past; so nothing that is missing is newer. */
function isInPast(
  { site, isRemoved, mirror, requireReadable }: TokensParts,
  position: Position,
  key?: string,
): boolean {
  if (!site) return false
  requireReadable()
  if (isRemoved()) return true
  const dependency = key === undefined ? undefined : dependencyOf(mirror, key)
  return dependency !== undefined && hasSeen(mergePositions(mirror.view.seen, dependency), position)
}

/** What the view lacks of what the key's newest entry depends on. */
function dependencyOf({ view }: Pick<Mirror, 'view'>, key: string): Position | undefined {
  return view.unmet === 0 ? undefined : view.dependencyOf(key)
}

/** What a position has of the node's own log. */
function ownPart(position: Position, logId = ''): Position {
  return positionAt(logId, sequenceIn(position, logId))
}

/** Resolves to undefined once the view has the position, and to the `behind` after the wait timeout. */
async function waitUntilSeen(
  { site, inRing, mirror, waits, requireReadable }: TokensParts,
  asked: Position,
): Promise<KvsError | undefined> {
  if (!site && !inRing) requireKnownLogs(asked, mirror.logId, mirror.view.seen)
  requireReadable()
  const position = inRing ? ownPart(asked, mirror.logId) : asked
  if (hasSeen(mirror.view.seen, position)) return undefined
  try {
    await waits.untilSeen(position)
    return undefined
  } catch (error) {
    if (error instanceof KvsError && error.code === 'behind') return error
    throw error
  }
}
