import { logsIn, type Position } from '../position.ts'
import { type Delete, deleteKind } from './delete.ts'
import type { Effect, Kind } from './kind.ts'
import { joinKind, leaveKind, type Membership } from './membership.ts'
import { type Put, putKind } from './put.ts'
import { type RingChange, ringKind } from './ring-change.ts'

/** What a client asked for: the operation of an entry before the log gave it a place. */
export type Write = Put | Delete | Membership | RingChange

export type WriteKind = Write['kind']

/** The writes that give their key a value. */
export type ValueWrite = Extract<Write, { readonly value: Buffer }>

const kinds: { readonly [Name in WriteKind]: Kind<Extract<Write, { readonly kind: Name }>> } = {
  put: putKind,
  delete: deleteKind,
  join: joinKind,
  leave: leaveKind,
  ring: ringKind,
}

export const kindNames = Object.keys(kinds) as readonly WriteKind[]

const kindsByCode: (Pick<Kind<Write>, 'name' | 'code' | 'effect'> | undefined)[] = []
for (const kind of Object.values(kinds)) kindsByCode[kind.code] = kind

/** The `event_type` of a kind in the log. */
export function codeOf(kind: WriteKind): number {
  return kinds[kind].code
}

/**
 * The kind of a row in the log. Returns undefined where no kind has the code, or where the row lacks the value that its
 * kind needs. Such an entry must stop the node: a view without it would be one that no log has.
 */
export function kindOfCode(code: number, hasValue: boolean): WriteKind | undefined {
  const kind = kindsByCode[code]
  return kind === undefined || (kind.effect === 'set' && !hasValue) ? undefined : kind.name
}

export function effectOf(kind: WriteKind): Effect {
  return kinds[kind].effect
}

export function setsValue(write: Write): write is ValueWrite {
  return kinds[write.kind].effect === 'set'
}

/** Whether a write is about the members of a group of sites, and not about a key of the store. */
export function isMembership(write: Write): write is Membership {
  return write.kind === 'join' || write.kind === 'leave'
}

/** Whether a write is about a group of sites or a ring, and changes no key of the store. */
export function changesNoKey(write: Write): write is Membership | RingChange {
  return kinds[write.kind].effect === 'none'
}

/** Whether a write records that its key has ended by itself, rather than what a client asked for. */
export function isExpiry(write: Write): boolean {
  return write.deadline !== undefined && !setsValue(write)
}

/**
 * Makes a write from a row of the log or of the spool. Returns undefined where it is not one of a known kind with all
 * that it needs.
 */
export function decodeWrite(
  kind: string | undefined,
  key: string,
  value: Buffer | undefined,
  contentType: string | undefined,
  deadline: number | undefined,
  after?: Position,
): Write | undefined {
  if (kind === undefined || !Object.hasOwn(kinds, kind)) return undefined
  return kinds[kind as WriteKind].decode(key, value, contentType, deadline, after)
}

/** What the write says beside its kind and key, as `Kind.parts`. */
export function partsOf(write: Write): readonly (string | Buffer)[] {
  const { parts } = kinds[write.kind] as Kind<Write>
  return parts(write)
}

/**
 * The weight of a write in bytes, never 0. It counts against the bounds on waiting writes, on a batch and on the spool.
 */
export function weight(write: Write): number {
  let bytes = 64 + 2 * write.key.length
  if (setsValue(write)) bytes += write.value.length
  return write.after === undefined ? bytes : bytes + weightOf(write.after)
}

function weightOf(after: Position): number {
  let bytes = 0
  for (const logId of logsIn(after)) bytes += 64 + 2 * logId.length
  return bytes
}
