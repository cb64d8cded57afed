import { encodeKey } from '../../core/key-bytes.ts'
import type { KeyRange } from '../../core/key-range.ts'
import { maxKeyBytes } from '../../core/limits.ts'
import { makeOrderedKeys, type OrderedKeys } from '../../order/index.ts'
import type { VisitKey } from '../../view/index.ts'
import type { Shown, ShownParts } from '../shown.ts'
import { type FirstKeys, makeFirstKeys } from './first-keys.ts'
import type { Slices } from './slices.ts'

export interface ShownKeysParts extends Pick<ShownParts, 'mirror' | 'spool'> {
  readonly shown: Pick<Shown, 'has' | 'hasOfView'>
  readonly slices: Slices
  /** Has deadlines pass, and notes the keys; as `Expiry.lapse`. */
  readonly lapse: () => boolean
}

/** Which keys somebody asks for. */
export interface KeyDemand {
  /** Sorted and disjoint. */
  readonly ranges: readonly KeyRange[]
  /** How many of the first ones; undefined for all. */
  readonly count: number | undefined
}

/**
 * The keys that readers see, in order. Before the first list there is nothing of it. Then it is built in slices, from
 * the spool's keys and the view's, and kept: whatever changes what is shown notes the key.
 */
export interface ShownKeys {
  /**
   * Whether readers see the key may be another matter from now on. Call it in the same step as the change, so that a
   * list never shows another state than `get` does.
   */
  note(key: string): void
  /** The same for a key in UTF-8, as a window on a buffer. */
  noteBytes(bytes: Buffer, start: number, length: number): void
  /**
   * Readers see other keys from now on, any number of them. Call it in the same step as the change. What is kept or
   * being built is let go, and built anew for the next list; who waits for it waits for that. A snapshot stays.
   */
  drop(): void
  /**
   * Calls `use` with a set that has the keys demanded, as readers see them in this very step; it may have others. Until
   * all keys are in order, the first ones are found by a scan. Rejects with the error of `Slices.stop`.
   */
  withKeys<Result>(demand: KeyDemand, use: (keys: OrderedKeys) => Result): Promise<Result>
}

/** What is told of each key whether readers see it, once or more often. */
type Receiver = Pick<OrderedKeys, 'add' | 'remove'>

/** A scan that too many removals have spoilt is done so often; then the build is waited for. */
const maxScans = 2

export function makeShownKeys(parts: ShownKeysParts): ShownKeys {
  let kept = makeKeptKeys(parts)

  return {
    note: (key) => kept.note(key),
    noteBytes: (...key) => kept.noteBytes(...key),
    drop() {
      kept.drop()
      kept = makeKeptKeys(parts)
    },
    async withKeys(demand, use) {
      for (;;) {
        const used = await kept.withKeys(demand, use)
        if (used !== undefined) return used[0]
      }
    },
  }
}

/** The keys from one `ShownKeys.drop` to the next. */
interface KeptKeys extends Pick<ShownKeys, 'note' | 'noteBytes' | 'drop'> {
  /** As `ShownKeys.withKeys`. Resolves with undefined, without a call of `use`, once `drop` was called. */
  withKeys<Result>(demand: KeyDemand, use: (keys: OrderedKeys) => Result): Promise<[Result] | undefined>
}

function makeKeptKeys(parts: ShownKeysParts): KeptKeys {
  const { shown, slices, lapse } = parts
  const receivers = new Set<Receiver>()
  const keys = makeOrderedKeys()
  /** Holds a key in UTF-8 for the duration of one call. */
  const encoded = Buffer.alloc(maxKeyBytes)
  let building: Promise<void> | undefined
  let isBuilt = false
  let isDropped = false
  /** The scan under way: one at a time, so that the build has every second slice. */
  let scanning: Promise<unknown> | undefined

  function note(key: string): void {
    if (receivers.size === 0) return
    const length = encodeKey(key, encoded)
    if (length < 0) return // no request can name it
    const isShown = shown.has(key)
    for (const receiver of receivers) {
      if (isShown) receiver.add(encoded, 0, length)
      else receiver.remove(encoded, 0, length)
    }
  }

  function* untilDropped(steps: Iterable<unknown>) {
    for (const step of steps) {
      if (isDropped) return
      yield step
    }
  }

  /** Tells the receiver of all keys, and from now on of every change. */
  function fill(receiver: Receiver): Promise<void> {
    receivers.add(receiver)
    return slices.run(untilDropped(findKeys(parts, receiver, note)))
  }

  function build(): Promise<void> {
    building ??= fill(keys).then(() => {
      isBuilt = true
    })
    building.catch(() => undefined) // who waits for it is told
    return building
  }

  async function scan<Result>(first: FirstKeys, use: (keys: OrderedKeys) => Result): Promise<[Result] | undefined> {
    try {
      await fill(first)
      while (lapse()) await pause()
      return first.isEnough && !isDropped ? [use(first.keys)] : undefined
    } finally {
      receivers.delete(first)
      scanning = undefined
    }
  }

  /** Lets other work have its turn. */
  const pause = () => slices.run([undefined].values())

  return {
    note,
    noteBytes(bytes, start, length) {
      if (receivers.size > 0) note(bytes.toString('utf8', start, start + length))
    },
    drop() {
      isDropped = true
      receivers.clear()
    },
    async withKeys({ ranges, count }, use) {
      const built = build()
      for (let scans = 0; count !== undefined && !isBuilt && !isDropped && scans < maxScans; ) {
        if (scanning !== undefined) {
          await Promise.race([scanning, built])
          continue
        }
        scans++
        const scanned = scan(makeFirstKeys(ranges, count), use)
        scanning = scanned
        const found = await scanned
        if (found !== undefined) return found
      }
      if (!isBuilt) await built
      while (lapse()) await pause()
      return isDropped ? undefined : [use(keys)]
    },
  }
}

/**
 * Finds the keys that readers see, one with each step. What changes on the way is noted: a key that a change brings is
 * added, and one that it takes away is removed, whether the way comes to it later or has been there before.
 */
function* findKeys({ mirror, spool, shown }: ShownKeysParts, receiver: Receiver, note: (key: string) => void) {
  for (const key of spool?.keys() ?? []) yield note(key)
  const { view } = mirror
  const visit: VisitKey = (bytes, start, length, deadline) => {
    if (shown.hasOfView(bytes, start, length, deadline)) receiver.add(bytes, start, length)
  }
  for (let segment = 0; segment < view.segments; segment++) {
    for (const hash of view.hashesIn(segment)) yield view.visitKeys(hash, visit)
  }
}
