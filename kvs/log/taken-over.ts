import { createHash } from 'node:crypto'
import type { ForeignEntry } from '../core/entry.ts'
import type { Position } from '../core/position.ts'
import type { LogImport } from './site-log.ts'

/** The last entry that a log has of another one. */
export interface LastOfOrigin {
  readonly logId: string
  /** Its sequence there. */
  readonly sequence: bigint
  readonly stamp: number
}

/** What a log has of the others, followed through the batches that are taken over. */
export interface TakenOver extends Pick<LogImport, 'position' | 'lastStampOf'> {
  /** Takes note of a batch that has landed. */
  note(entries: readonly ForeignEntry[]): void
}

export function makeTakenOver(origins: readonly LastOfOrigin[]): TakenOver {
  const last = new Map(origins.map((origin) => [origin.logId, origin]))
  let position = positionOf(last)
  return {
    get position() {
      return position
    },
    lastStampOf: (origin) => last.get(origin)?.stamp,
    note(entries) {
      for (const { origin, stamp } of entries) last.set(origin.logId, { ...origin, stamp })
      position = positionOf(last)
    },
  }
}

function positionOf(last: ReadonlyMap<string, LastOfOrigin>): Position {
  return { sequences: new Map([...last].map(([logId, { sequence }]) => [logId, sequence])), stamp: 0 }
}

/**
 * Id of the one writer that has a log's entries of a purpose, whichever node appends them: those that it takes over,
 * those about members, those on the ring, and those by which keys move. So the registration of the next one fences the
 * one before, and no late batch of that lands.
 */
export function siteWriterId(purpose: 'import' | 'members' | 'ring' | 'move', logId: string): string {
  const hash = createHash('sha256').update(`${purpose} ${logId}`).digest('hex')
  // RFC 9562, 5.8: version 8, made as one likes
  const [, a, b, c, d, e] = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(hash) ?? []
  return `${a}-${b}-8${c}-8${d}-${e}`
}
