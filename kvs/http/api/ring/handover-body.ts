import { maxKeyBytes } from '../../../core/limits.ts'
import { type Position, parsePosition } from '../../../core/position.ts'
import type { Ring } from '../../../core/ring/description.ts'
import { rangesInText, type SlotRanges } from '../../../core/ring/slot-ranges.ts'
import type { AskedChanges, AskedKeys } from '../../../kv/index.ts'
import { JsonNumber, parseStrictly, typeName } from '../transactions/strict-json.ts'
import { addressOf, bad, bodyBounds, isMembers, requireMembers, ringOf } from './ring-body.ts'

/**
 * Reads what a member is asked to take: `{"ring":RING,"gives":{"HOST:PORT":"LOGID=SEQUENCE"}}`, with null for no gives.
 * @throws KvsError bad_request
 */
export function takeIn(body: Buffer): {
  readonly ring: Ring
  readonly gives: ReadonlyMap<string, Position> | undefined
} {
  const { ring, gives } = requireMembers(parseStrictly(body, bodyBounds), 'the body', ['ring', 'gives'])
  return { ring: ringOf(ring, 'ring'), gives: gives === null ? undefined : givesIn(gives) }
}

function givesIn(value: unknown): ReadonlyMap<string, Position> {
  if (!isMembers(value)) throw bad(`gives is ${typeName(value)}, and is to be null, or positions by address`)
  return new Map(
    Object.entries(value).map(([address, position]) => [
      addressOf(address, 'a name in gives'),
      positionOf(position, `gives[${address}]`),
    ]),
  )
}

/**
 * Reads which keys a member asks for: `{"id":ID,"version":N,"slots":"0-3000","after":KEY}`, with null for the first
 * ones.
 * @throws KvsError bad_request
 */
export function askedKeysIn(body: Buffer): AskedKeys {
  const { after, ...part } = partIn(body)
  if (after === null) return { ...part, after: undefined }
  if (typeof after !== 'string') throw bad(`after is ${typeName(after)}, and is to be a key or null`)
  if (!after.isWellFormed() || after.includes('\0') || Buffer.byteLength(after) > maxKeyBytes)
    throw bad(`after is no key: it is to be a text of at most ${maxKeyBytes} bytes of UTF-8, without NUL`)
  return { ...part, after }
}

/**
 * Reads which changes a member asks for: as with keys, but after a position of the log, `LOGID=SEQUENCE`.
 * @throws KvsError bad_request
 */
export function askedChangesIn(body: Buffer): AskedChanges {
  const { after, ...part } = partIn(body)
  return { ...part, after: positionOf(after, 'after') }
}

function partIn(body: Buffer) {
  const names = ['id', 'version', 'slots', 'after'] as const
  const { id, version, slots, after } = requireMembers(parseStrictly(body, bodyBounds), 'the body', names)
  if (typeof id !== 'string' || !/^[0-9a-f]{1,64}$/.test(id)) throw bad('id is to be that of a ring')
  const number = version instanceof JsonNumber ? Number(version.text) : undefined
  if (number === undefined || !Number.isSafeInteger(number) || number < 1) throw bad('version is to be a number from 1')
  return { ringId: id, version: number, slots: slotsOf(slots), after }
}

function slotsOf(value: unknown): SlotRanges {
  const slots = typeof value === 'string' ? rangesInText(value) : undefined
  if (slots === undefined || slots.length === 0) throw bad('slots is to be ranges of slots, such as 0-2999,8001-9999')
  return slots
}

function positionOf(value: unknown, place: string): Position {
  const position = typeof value === 'string' ? parsePosition(value) : undefined
  if (position === undefined || position.sequences.size === 0)
    throw bad(`${place} is to be a position of a log, LOGID=SEQUENCE`)
  return position
}
