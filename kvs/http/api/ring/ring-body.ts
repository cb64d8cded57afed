import { KvsError } from '../../../core/errors.ts'
import type { Positions, Ring } from '../../../core/ring/description.ts'
import { slotCount } from '../../../core/ring/key-slot.ts'
import { positionIn, positionsIn, ringIn } from '../../../core/ring/ring-text.ts'
import type { AskedRingChange, RingPlan } from '../../../kv/index.ts'
import { isAddress } from '../../../lib/addresses.ts'
import { JsonNumber, type Members, parseStrictly, typeName } from '../transactions/strict-json.ts'

/** Largest body that members of a ring send each other, in bytes: a ring with a member at every position fits. */
export const maxRingBody = 1024 * 1024

/** The body has a bound in bytes, and positions are the names of an object. */
export const bodyBounds = { what: 'the body', maxNames: slotCount, maxParts: Infinity }

/**
 * Reads a ring, as `ringJson` writes it.
 * @throws KvsError bad_request
 */
export function ringInBody(body: Buffer): Ring {
  return ringOf(parseStrictly(body, bodyBounds), 'the body')
}

/**
 * Reads what a member is asked to give: `{"ring":…,"check":true}`.
 * @throws KvsError bad_request
 */
export function giveIn(body: Buffer): { readonly ring: Ring; readonly isCheck: boolean } {
  const { ring, check } = requireMembers(parseStrictly(body, bodyBounds), 'the body', ['ring', 'check'])
  if (typeof check !== 'boolean') throw bad(`check is ${typeName(check)}, and is to be true or false`)
  return { ring: ringOf(ring, 'ring'), isCheck: check }
}

/**
 * Reads a change that a member asks for: `{"asker":ADDRESS,"replace":{"3000":ADDRESS}}`, or with `add`, `remove`,
 * `call_off` or `remove_lost`.
 * @throws KvsError bad_request
 */
export function changeIn(body: Buffer): AskedRingChange {
  const parsed = parseStrictly(body, bodyBounds)
  const kind = changeNames.find((name) => isMembers(parsed) && Object.hasOwn(parsed, name))
  if (kind === undefined)
    throw bad('the body has no change: it is to have asker, and replace, add, remove, call_off or remove_lost')
  const { asker, [kind]: change } = requireMembers(parsed, 'the body', ['asker', kind])
  return { asker: addressOf(asker, 'asker'), change: planOf(kind, change) }
}

const changeNames = ['replace', 'add', 'remove', 'call_off', 'remove_lost'] as const

function planOf(kind: (typeof changeNames)[number], change: unknown): RingPlan {
  if (kind === 'call_off') {
    if (change !== true) throw bad(`call_off is ${change === false ? 'false' : typeName(change)}, and is to be true`)
    return { kind: 'call off' }
  }
  if (kind === 'remove_lost') return removalOf(change)
  if (kind === 'remove') return { kind, address: addressOf(change, kind) }
  if (kind === 'add') {
    const { position, address } = requireMembers(change, kind, ['position', 'address'])
    const known = position instanceof JsonNumber ? positionIn(position.text) : undefined
    if (known === undefined) throw bad(`add.position is to be a number from 0 to ${slotCount - 1}`)
    return { kind, position: known, address: addressOf(address, 'add.address') }
  }
  const positions = positionsIn(change)
  if (positions === undefined || positions.size === 0)
    throw bad('replace is to have positions with the addresses of members: {"3000":"10.0.0.2:5000"}')
  requireAddresses(positions, kind)
  return { kind, positions }
}

function removalOf(change: unknown): RingPlan {
  const { addresses, confirm } = requireMembers(change, 'remove_lost', ['addresses', 'confirm'])
  if (!Array.isArray(addresses) || addresses.length === 0)
    throw bad('remove_lost.addresses is to be a list of addresses')
  const known = addresses.map((address, index) => addressOf(address, `remove_lost.addresses[${index}]`))
  const confirmed = confirm instanceof JsonNumber ? Number(confirm.text) : undefined
  if (confirm !== null && !Number.isSafeInteger(confirmed))
    throw bad('remove_lost.confirm is to be a version of the ring, or null')
  return { kind: 'remove lost', addresses: known, confirmed }
}

/** @throws KvsError bad_request */
export function ringOf(value: unknown, place: string): Ring {
  const ring = ringIn(plain(value))
  if (ring === undefined)
    throw bad(`${place} is no ring: it is to have id, version, home, positions, next and standbys`)
  addressOf(ring.home, 'home')
  for (const standby of ring.standbys) addressOf(standby, 'standbys')
  requireAddresses(ring.positions, 'positions')
  if (ring.next !== undefined) requireAddresses(ring.next, 'next')
  for (const { address } of ring.lost ?? []) addressOf(address, 'lost')
  return ring
}

/** A value with numbers in the place of their texts. */
function plain(value: unknown): unknown {
  if (value instanceof JsonNumber) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  if (!isMembers(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]))
}

function requireAddresses(positions: Positions, place: string): void {
  for (const [position, address] of positions) addressOf(address, `${place}[${position}]`)
}

/** @throws KvsError bad_request */
export function addressOf(value: unknown, place: string): string {
  if (typeof value === 'string' && isAddress(value)) return value
  throw bad(`${place} is to be the address of a member, HOST:PORT`)
}

/**
 * The members of an object that has these and no others.
 * @param place where it is, such as `nodes[3]`
 * @throws KvsError bad_request
 */
export function requireMembers<Name extends string>(
  value: unknown,
  place: string,
  names: readonly Name[],
): Readonly<Record<Name, unknown>> {
  const sentence = `${names.join(' and ')}${names.length === 1 ? ' alone' : ''}`
  if (!isMembers(value)) throw bad(`${place} is ${typeName(value)}, and is to be an object with ${sentence}`)
  const known: readonly string[] = names
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) throw bad(`${place} has ${JSON.stringify(unknown)}, and is to have ${sentence}`)
  const missing = names.find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) throw bad(`${place} has no ${missing}, and is to have ${sentence}`)
  return value as Readonly<Record<Name, unknown>>
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
}

export const bad = (message: string) => new KvsError('bad_request', `${message}; nothing was changed`)
