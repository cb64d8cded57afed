import type { LogEntry, Operation } from '../history.ts'
import { isExpiry, type Lifetimes } from './lifetimes.ts'
import { firstAfter, makeSlots } from './slots.ts'
import { describe, quoted } from './words.ts'

/** One key, with its operations and its effective entries. */
export interface KeyHistory {
  readonly key: string
  /** Operations that did not fail and are not torn reads. */
  readonly operations: readonly Operation[]
  /** With one for each lapse, as `withLapses` makes them. */
  readonly entries: readonly LogEntry[]
  readonly lifetimes: Lifetimes
  /** All puts of the key by value, whatever became of them. */
  readonly puts: ReadonlyMap<string, Operation>
  /** Values of superseded entries. The log can't tell where and how long they were shown. */
  readonly superseded: ReadonlySet<string>
  /** Whether every acknowledged delete has an effective entry; false if one of them may be superseded. */
  readonly deletesCount: boolean
}

interface Moment {
  readonly time: number
  readonly begins: boolean
  readonly operation: Operation
}

/**
 * Holds the order of the log against the clients' clock. It goes through the moments at which operations were invoked
 * and returned, and keeps two bounds on how far the log must and can have been at that moment, as a place among the
 * key's entries from 1 on, 0 being before the first:
 * - the floor: the newest entry that was acknowledged or seen. What is invoked later can't write before it, nor read
 *   what it covered.
 * - the ceiling: the newest entry before all those that nobody had asked for yet.
 *
 * Which entry a delete made is not known. So many acknowledged deletes fill so many of the entries that could be
 * theirs, and the floor rises to the newest of these where they take the oldest they can: a bound that is never too
 * high.
 *
 * @returns a sentence for each contradiction
 */
export function checkKeyOrder(history: KeyHistory): string[] {
  const { key, operations, entries, puts, lifetimes } = history
  const violations: string[] = []
  const places = new Map<string, number>()
  const deletePlaces: number[] = []
  const absentPlaces = [0]
  entries.forEach((entry, index) => {
    const { kind, value } = entry
    if (kind === 'delete') {
      absentPlaces.push(index + 1)
      if (!isExpiry(entry)) deletePlaces.push(index + 1)
    } else if (value !== undefined && !places.has(value)) places.set(value, index + 1)
  })
  const slots = makeSlots(deletePlaces)
  const floorAtBegin = new Map<Operation, number>()
  const begun = new Set<string>()
  let deletesBegun = 0
  let deletesUpToCeiling = 0
  let floor = 0
  let ceiling = 0
  let floorBy: Operation | undefined

  const entryAt = (place: number) => {
    const entry = entries[place - 1]
    return entry === undefined ? 'before the first entry' : `entry ${entry.sequence}`
  }
  const report = (text: string) => violations.push(`key ${quoted(key)}: ${text}`)
  const known = () => `${entryAt(floor)} was known by then from ${floorBy ? describe(floorBy) : 'the log'}`

  function raiseFloor(place: number, by: Operation): void {
    if (place <= floor) return
    floor = place
    floorBy = by
  }

  /** Tells whether a value is still to be put. A value that nobody puts, or that failed, is reported elsewhere. */
  function awaited(value = ''): boolean {
    const put = puts.get(value)
    return put !== undefined && put.outcome !== 'failed' && !begun.has(value)
  }

  function raiseCeiling(): void {
    for (let entry = entries[ceiling]; entry !== undefined; entry = entries[ceiling]) {
      if (isExpiry(entry)) {
        // Nobody asks for it, and a read judges by its deadline whether it is there yet.
      } else if (entry.kind === 'delete') {
        if (deletesUpToCeiling === deletesBegun) return
        deletesUpToCeiling++
      } else if (awaited(entry.value)) return
      ceiling++
    }
  }

  function begin(operation: Operation): void {
    floorAtBegin.set(operation, floor)
    if (operation.kind === 'get') return
    if (operation.kind === 'delete') deletesBegun++
    else if (typeof operation.value === 'string') {
      begun.add(operation.value)
      const place = places.get(operation.value)
      if (place !== undefined && place <= floor) {
        report(`${describe(operation)} is ${entryAt(place)}, although ${known()}: the log has them in the wrong order`)
      }
    }
    raiseCeiling()
  }

  /** The first place from `from` on where the key is absent for an answer at that time. */
  function firstAbsent(from: number, time: number): number | undefined {
    for (let index = firstAfter(absentPlaces, from - 1); ; index++) {
      const place = absentPlaces[index]
      const entry = place === undefined ? undefined : entries[place - 1]
      if (entry === undefined || !isExpiry(entry) || lifetimes.isPast(entry, time)) return place
    }
  }

  function endRead(read: Operation, from: number): void {
    if (typeof read.value !== 'string') {
      const place = firstAbsent(from, read.returned)
      if (place === undefined || place > ceiling) {
        report(`${describe(read)} is wrong: no delete that could show has a place after ${entryAt(from)} in the log`)
      } else {
        raiseFloor(place, read)
      }
      return
    }
    const put = puts.get(read.value)
    const place = places.get(read.value)
    if (put === undefined) report(`${describe(read)} shows a value that nobody put there`)
    else if (put.outcome === 'failed') report(`${describe(read)} shows what failed: ${describe(put)}`)
    else if (put.invoked > read.returned) report(`${describe(read)} comes from the future: ${describe(put)}`)
    else if (place === undefined) {
      if (!history.superseded.has(read.value)) report(`${describe(read)} shows a value that is not in the log`)
    } else if (place < from) {
      report(`${describe(read)} is stale: it shows ${entryAt(place)}, and ${entryAt(from)} was known before it began`)
    } else raiseFloor(place, read)
  }

  function end(operation: Operation): void {
    if (operation.outcome !== 'ok') return
    const from = floorAtBegin.get(operation) ?? 0
    if (operation.kind === 'get') endRead(operation, from)
    else if (operation.kind === 'put') raiseFloor(places.get(operation.value ?? '') ?? 0, operation)
    else if (history.deletesCount) {
      if (slots.takeAfter(from)) raiseFloor(slots.newestTaken(), operation)
      else report(`${describe(operation)} has no entry of its own after ${entryAt(from)} in the log`)
    }
  }

  for (const { begins, operation } of moments(operations)) {
    if (begins) begin(operation)
    else end(operation)
  }
  return violations
}

/** Sorts by time. At the same time beginnings come first, since such operations may have overlapped. */
function moments(operations: readonly Operation[]): Moment[] {
  return operations
    .flatMap((operation) => [
      { time: operation.invoked, begins: true, operation },
      { time: operation.returned, begins: false, operation },
    ])
    .sort((a, b) => a.time - b.time || Number(b.begins) - Number(a.begins))
}
