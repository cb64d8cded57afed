import { batchLimits } from '../../core/limits.ts'
import { setsValue, type Write } from '../../core/operation/operation.ts'
import { formatPosition, isBeyondBounds, mergePositions, type Position } from '../../core/position.ts'
import { type CurrentVersion, unlessLapsed } from '../../core/version.ts'
import type { Decided } from '../../log/index.ts'
import type { View } from '../../view/index.ts'
import type { Bisectable } from '../append/bisection.ts'
import type { Asked, RoundState } from './asked.ts'

/** What a round takes from the queue. */
export interface RoundItem extends Bisectable {
  readonly asked: Asked
  /** Hash of the request; undefined without an idempotency key. */
  readonly request: Buffer | undefined
}

/** Requests that are decided on together and go to the log as one batch, with what was decided on each. */
export interface Round<Item> {
  readonly items: Item[]
  readonly decided: Decided[]
}

/** What a round asks of the view. */
export type DecidingView = Pick<View, 'get' | 'versionOf' | 'unmet' | 'dependencyOf'>

/** What a round has come to so far. */
interface Progress {
  readonly view: DecidingView
  readonly now: number | undefined
  /** Of each key that it will write the last write, and the place of the request that it is of. */
  readonly written: Map<string, { readonly write: Write; readonly place: number }>
  readonly idempotencyKeys: Set<string>
  writes: number
  bytes: number
}

/**
 * Takes as many as make a batch, in their order. Each is decided by the view, and by what those before it will have
 * written, so that many counts of one key go into one batch. A version is known of nothing but what is in the log: who
 * asks for one of a key that the round writes waits for the next.
 * @param now the log server's clock, from which on lapsed keys are absent; undefined before it is known
 * @returns the round, and what is left to wait
 */
export function takeRound<Item extends RoundItem>(
  waiting: readonly Item[],
  view: DecidingView,
  now: number | undefined,
): Round<Item> & { readonly left: Item[] } {
  const progress: Progress = { view, now, written: new Map(), idempotencyKeys: new Set(), writes: 0, bytes: 0 }
  const items: Item[] = []
  const decided: Decided[] = []
  let isFull = false
  const left = waiting.filter((item) => {
    const isFirst = items.length === 0
    isFull ||= !isFirst && (item.part !== items[0]?.part || isTooMuch(progress, item.asked))
    if (isFull || hasToWait(progress, item.asked)) return true
    decided.push(decide(progress, item, items.length))
    items.push(item)
    return false
  })
  return { items, decided, left }
}

/** One alone may be larger than a batch. */
function isTooMuch({ writes, bytes }: Progress, { size, weight }: Asked): boolean {
  return writes + size > batchLimits.writes || bytes + weight > batchLimits.bytes
}

function hasToWait({ written, idempotencyKeys }: Progress, { versionsOf, idempotencyKey }: Asked): boolean {
  if (idempotencyKey !== undefined && idempotencyKeys.has(idempotencyKey)) return true
  return versionsOf.some((key) => written.has(key))
}

function decide(progress: Progress, { asked, request }: RoundItem, place: number): Decided {
  const reads = new Set<string>()
  const builtOn = new Set<number>()
  const rests: Rests = { holdsUntil: Number.POSITIVE_INFINITY, after: undefined }
  const { writes: asDecided, current, note } = asked.decide(stateOf(progress, reads, builtOn, rests))
  const writes = rests.after === undefined ? asDecided : asDecided.map((write) => dependentOn(rests.after, write))
  for (const write of writes) progress.written.set(write.key, { write, place })
  progress.writes += asked.size
  progress.bytes += asked.weight
  const { idempotencyKey: key } = asked
  if (key !== undefined) progress.idempotencyKeys.add(key)
  const idempotency = key !== undefined && request ? { key, request, note } : undefined
  const holdsUntil = rests.holdsUntil === Number.POSITIVE_INFINITY ? undefined : rests.holdsUntil
  return { writes, reads: [...reads], builtOn: [...builtOn], holdsUntil, current, idempotency }
}

/** What a decision rests on beside keys. */
interface Rests {
  holdsUntil: number
  /** What the keys that it rests on depend on, and the site has not yet. */
  after: Position | undefined
}

function dependentOn(after: Position | undefined, write: Write): Write {
  const all = merged(after, write.after)
  return all === undefined ? write : { ...write, after: all }
}

/** The first one alone where both together are more than an entry can carry: somebody names logs that there are not. */
function merged(one: Position | undefined, other: Position | undefined): Position | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const both = mergePositions(one, other)
  return isBeyondBounds(formatPosition(both)) ? one : both
}

function stateOf({ view, now, written }: Progress, reads: Set<string>, builtOn: Set<number>, rests: Rests): RoundState {
  /** What is there by the node's clock, as long as it is by the log's. */
  function unlessOver<Current extends { readonly deadline: number | undefined }>(current: Current | undefined) {
    const there = unlessLapsed(current, now)
    if (there?.deadline !== undefined) rests.holdsUntil = Math.min(rests.holdsUntil, there.deadline)
    return there
  }

  function noteRead(key: string): void {
    reads.add(key)
    if (view.unmet > 0) rests.after = merged(rests.after, view.dependencyOf(key))
  }

  function versionInLog(key: string): CurrentVersion | undefined {
    noteRead(key)
    return view.versionOf(key)
  }

  const valueAfter = (write: Write) =>
    setsValue(write) ? unlessOver({ ...write, deadline: write.deadline }) : undefined

  return {
    versionInLog,
    valueAfter,
    versionOf: (key) => unlessOver(versionInLog(key)),
    valueOf(key) {
      const before = written.get(key)
      if (before === undefined) {
        noteRead(key)
        return unlessOver(view.get(key))
      }
      builtOn.add(before.place)
      rests.after = merged(rests.after, before.write.after)
      return valueAfter(before.write)
    },
  }
}
