import type { MovedWrite } from '../../core/entry.ts'
import { covers, type Position } from '../../core/position.ts'
import type { SlotRanges } from '../../core/ring/slot-ranges.ts'
import type { MovedPage } from '../../kv/index.ts'
import type { KeyMover } from '../../log/index.ts'
import type { MemberClient } from '../member-client.ts'
import type { OwnNode } from '../own-node.ts'
import { type Differences, makeDifferences } from './differences.ts'
import { takeAnswers } from './taking-answers.ts'

/** What a member takes from another one: where from, and by which change. */
export interface CopySource {
  readonly giver: MemberClient
  readonly ringId: string
  readonly version: number
  readonly slots: SlotRanges
}

/** Stores writes of keys that are to be this log's. On return they are durable. */
export type StoreMoved = (moved: readonly MovedWrite[]) => Promise<void>

/** What the copies of one member share, so that it has one page in memory that was asked for ahead, and no more. */
export interface AskedAhead {
  by: Copy | undefined
}

/**
 * The copy of some slots, from one member. First all keys are compared, page by page: the next page is on its way while
 * one is stored, if no other copy has one. Then what is written to the keys is followed, in the order of that log. It
 * holds as long as nobody else moves keys of this log. So where `store` has rejected, or another node may have been at
 * it, a copy is begun anew: that finds whatever is different by then.
 */
export interface Copy {
  /** The copy has all that was written there through this position; undefined while keys are compared. */
  readonly position: Position | undefined
  /** Whether nothing more was to be had there, the last time that it was asked. */
  readonly isNear: boolean
  /**
   * Takes the answers to idempotency keys that are kept there since the last time. Returns false where nothing more was
   * kept here, since the log's newest entry on the ring is another one than `ringEntry`. Rejects as `step`, and as
   * `KeyMover.keepAnswers`.
   */
  takeAnswers(mover: Pick<KeyMover, 'keepAnswers'>, ringEntry: bigint): Promise<boolean>
  /** Goes on by one page. Returns how many keys that were. Where the member rejects, it may be called again. */
  step(store: StoreMoved): Promise<number>
}

export function makeCopy(
  node: Pick<OwnNode, 'keysIn' | 'heldValue'>,
  source: CopySource,
  ahead: AskedAhead = { by: undefined },
): Copy {
  const { giver, ringId, version, slots } = source
  let comparison: { readonly begun: Position; readonly differences: Differences } | undefined
  /** The page of keys that is compared next, where it was asked for already. */
  let asked: Promise<MovedPage> | undefined
  /** The key after which it begins; undefined for the first one. */
  let after: string | undefined
  let position: Position | undefined
  let isNear = false
  /** Number of the last answer there that is here. */
  let answered = 0n

  function ask(): Promise<MovedPage> {
    const page = giver.movedKeys({ ringId, version, slots, after })
    page.catch(() => undefined) // the step that needs it is told
    return page
  }

  function askAhead(): void {
    if (ahead.by !== undefined) return
    ahead.by = copy
    asked = ask()
  }

  function takeAsked(): Promise<MovedPage> {
    const page = asked ?? ask()
    asked = undefined
    if (ahead.by === copy) ahead.by = undefined
    return page
  }

  async function compare(store: StoreMoved): Promise<number> {
    const page = await takeAsked()
    const { differences, ...before } = comparison ?? (await begin(page))
    // Nodes behind one address may have found the keys at different times. The earliest of them counts.
    const begun = covers(page.position, before.begun) ? before.begun : page.position
    comparison = { begun, differences }
    if (page.last !== undefined) {
      // It is empty where no key was found yet.
      after = page.last || undefined
      // What is written to its keys before they are compared is among the changes after `begun`, as all that is later.
      askAhead()
    }
    await store(differences.of(page))
    if (page.last === undefined) position = begun
    return page.items.length
  }

  const begin = async ({ position }: MovedPage) => ({
    begun: position,
    differences: makeDifferences(node, await node.keysIn(slots)),
  })

  async function follow(store: StoreMoved, after: Position): Promise<number> {
    const page = await giver.movedChanges({ ringId, version, slots, after })
    await store(page.items)
    position = page.position
    isNear = page.last === undefined
    return page.items.length
  }

  const copy: Copy = {
    get position() {
      return position
    },
    get isNear() {
      return isNear
    },
    async takeAnswers(mover, ringEntry) {
      const through = await takeAnswers(giver, mover, { ringId, version, slots, after: answered }, ringEntry)
      answered = through ?? answered
      return through !== undefined
    },
    step: (store) => (position === undefined ? compare(store) : follow(store, position)),
  }
  return copy
}
