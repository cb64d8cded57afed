import { KvsError } from '../core/errors.ts'
import { nowhere, type Position, parsePosition } from '../core/position.ts'
import { ringIn } from '../core/ring/ring-text.ts'
import { rangesInText } from '../core/ring/slot-ranges.ts'
import type { RingState, TakeProgress } from '../kv/index.ts'

/**
 * Reads `{"ring":RING|null,"self":ADDRESS,"owns":RANGES,"position":"LOGID=SEQUENCE"}`.
 * @param name of the member, for an error
 * @throws KvsError cannot_forward
 */
export function stateIn(name: string, answer: Buffer): RingState {
  const { ring, self, owns, position } = recordIn(answer)
  const known = ring === null ? undefined : ringIn(ring)
  const ranges = typeof owns === 'string' ? rangesInText(owns) : undefined
  const at = positionIn(position)
  if ((ring !== null && known === undefined) || typeof self !== 'string' || ranges === undefined || at === undefined)
    throw odd(name, 'what it knows of the ring')
  return { ring: known, self, owns: ranges, position: at }
}

/**
 * Reads the position of a state: where the member has given up its keys. After a check, that is any position.
 * @throws KvsError cannot_forward
 */
export function givenIn(name: string, answer: Buffer, isCheck: boolean): Position {
  const { position } = stateIn(name, answer)
  // Who takes keys waits for all that was written up to there: for nothing at all, if it is nowhere.
  if (!isCheck && position.sequences.size === 0) throw odd(name, 'where it has given up its keys')
  return position
}

const states: readonly TakeProgress['state'][] = ['copying', 'following', 'taken']

/**
 * Reads `{"state":"copying","keys":0,"obstacle":null}`.
 * @throws KvsError cannot_forward
 */
export function progressIn(name: string, answer: Buffer): TakeProgress {
  const { state, keys, obstacle } = recordIn(answer)
  const known = states.find((one) => one === state)
  const isObstacle = obstacle === null || typeof obstacle === 'string'
  if (known === undefined || !isCount(keys) || !isObstacle) throw odd(name, 'how far it has taken its keys')
  return { state: known, keys, obstacle: obstacle ?? undefined }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** As `formatPosition` writes it: empty for nowhere. */
function positionIn(value: unknown): Position | undefined {
  if (value === '') return nowhere
  const position = typeof value === 'string' ? parsePosition(value) : undefined
  return position?.sequences.size === 0 ? undefined : position
}

function recordIn(answer: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(answer.toString()))
  } catch {
    return {}
  }
}

function odd(name: string, what: string): KvsError {
  return new KvsError('cannot_forward', `${name} does not answer ${what}: is it of this version?`)
}
