import type { MovedWrite } from '../core/entry.ts'
import type { Position } from '../core/position.ts'
import type { Positions, Ring } from '../core/ring/description.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'
import type { AnswerService } from './moved-answers.ts'

/** Where members of a ring ask each other what they know of it, and tell of a newer version. */
export const ringPath = '/ring'
/** Where the home of a ring has a member give up what a change takes from it. */
export const givePath = '/ring/give'
/** Where a member asks the home of its ring for a change. */
export const changePath = '/ring/change'

/** Where the home of a ring has a member take what a change gives it. */
export const takePath = '/ring/take'
/** Where a member that takes keys asks for the values of the one that has them. */
export const movedKeysPath = '/ring/keys'
/** The same for what was written to them since. */
export const movedChangesPath = '/ring/changes'
/** Where a change of the ring that is under way is called off. */
export const callOffPath = '/ring/call_off'

/** Where members of a ring are taken out whose logs are lost. */
export const removeLostPath = '/ring/remove_lost'

/** What a node knows of the ring, and what may be asked of it. */
export interface RingService extends AnswerService {
  /** This node's address in the ring. */
  readonly self: string
  /** @throws KvsError not_ready before the log is replayed: what follows is known from then on */
  requireKnown(): void
  /**
   * Resolves once this node knows all that its log has on the ring. Rejects with `not_ready`, or with `log_down` where
   * the log can't be asked.
   */
  catchUp(): Promise<void>
  /** The newest version that this node knows; undefined where it is in no ring, and owns every key. */
  current(): Ring | undefined
  /** Text of that version for the header KVS-Ring: `ID=VERSION`; empty where it is in no ring. */
  versionText(): string
  /**
   * Calls `callback` each time that this node learns of a newer version, or of an entry on the ring in its log. Returns
   * what ends that.
   */
  onNews(callback: () => void): () => void
  /** Whether this node's log takes the key, as its own entries say. */
  owns(key: string): boolean
  /** @throws NotOwner where `owns` is false */
  requireOwned(key: string): void
  /**
   * Addresses of the members that a key may belong to, the likelier one first: its owner and, while a change is under
   * way, the one that it leads to. This node's own is among them where the ring says so, though `owns` may be false
   * still. Never empty.
   */
  ownersOf(key: string): readonly string[]
  /** Addresses of all that own a part, in order of their lowest positions; this node's own alone where in no ring. */
  members(): readonly string[]
  /** Asks a member what it knows of the ring, and takes that over where it is newer. Never rejects. */
  learnFrom(address: string): Promise<void>

  /**
   * Has the ring be this, and forms it where there is none. Resolves once every member shows it and every key is where
   * it belongs. Rejects with `ring_conflict`, or with `cannot_forward` where one of them can’t be reached.
   */
  replace(positions: Positions): Promise<void>
  /** As `replace`, for one more position. */
  add(position: number, address: string): Promise<void>
  /** As `replace`, for all positions of a member. It stays a standby, which passes on what it is asked. */
  remove(address: string): Promise<void>

  /** What this node says of itself at `ringPath`. */
  state(): RingState
  /** What keys are on their way here, and which are still here that are another member's. Costs next to nothing. */
  progress(): RingProgress
  /**
   * Takes over a version that a member tells of, where it is newer, and the home of the ring confirms it; on return the
   * log has it. Rejects with `cannot_forward` where the home can't be asked.
   */
  learn(ring: Ring): Promise<void>
  /**
   * Gives up what the change `ring.next` takes from this member, or all that it had where it was in no ring. On return
   * that is in the log. Rejects with `ring_conflict` where it can't: it was in no ring and has keys, or is in another.
   * @param isCheck only looks whether it could
   * @returns a position of this member's log with all that was ever written to what it has given up
   */
  give(ring: Ring, isCheck: boolean): Promise<Position>
  /**
   * Copies to this member what the change `ring.next` gives it, from those that have it, and goes on by itself. Answers
   * soon, with how far it is: the home asks again. Rejects with `ring_conflict` where the change is over.
   * @param gives what `give` has returned, by the address of each that gives; undefined before they have
   */
  take(ring: Ring, gives: ReadonlyMap<string, Position> | undefined): Promise<TakeProgress>
  /**
   * Keys of some slots with their values, for the member that takes them. To find them takes a while: until then a page
   * is answered soon that has none, and ends where it begins. Rejects with `ring_conflict` where the change is over:
   * from then on they may be deleted here.
   */
  movedKeys(asked: AskedKeys): Promise<MovedPage>
  /** What was written to keys of some slots after a position of this log. Rejects as `movedKeys`. */
  movedChanges(asked: AskedChanges): Promise<MovedPage>
  /** Calls off the change that is under way: all stays as it was. Rejects with `ring_conflict` where there is none. */
  callOff(): Promise<void>
  /**
   * Takes members out of the ring whose logs are lost for good, without their keys. Resolves once all others go by
   * that. Rejects with `confirmation_needed` unless the newest version of the ring is confirmed, with `ring_conflict`
   * where one of them answers or is not in the ring, or with `cannot_forward` where somebody can't be asked who has to
   * be.
   */
  removeLost(addresses: readonly string[], confirmed: number | undefined): Promise<void>
  /** Makes a change as the home of the ring, for another node. Rejects as `replace`, and with `NotOwner` elsewhere. */
  change(asked: AskedRingChange): Promise<void>
}

export interface RingState {
  readonly ring: Ring | undefined
  readonly self: string
  readonly owns: SlotRanges
  /** How far this node has applied its log; `nowhere` before it knows the log. */
  readonly position: Position
}

/** What a node tells of keys that change hands. */
export interface RingProgress {
  /** What this node takes from others; null where it takes nothing. */
  readonly taking: Taking | null
  /** How many writes it has stored since its start, for all changes, to take keys. */
  readonly moved: number
  /** Keys here that are another member's, and still to be deleted; null before a count, and while a change is made. */
  readonly copies: number | null
}

/** How far a node is with what a change gives it. The fields are those of `TakeProgress`. */
export interface Taking {
  /** Version of the ring by which it takes them. */
  readonly version: number
  readonly state: TakeProgress['state']
  readonly keys: number
  /** Null where nothing keeps it from going on. */
  readonly obstacle: string | null
}

/** How far a member has taken what a change gives it. */
export interface TakeProgress {
  /**
   * `copying`; `following`: nearly all is here, and what is written there comes soon after; `taken`: all that the gives
   * tell of is here, durably.
   */
  readonly state: 'copying' | 'following' | 'taken'
  /** How many keys were compared or written since this node has begun. */
  readonly keys: number
  /** What keeps it from going on; undefined where nothing does. */
  readonly obstacle: string | undefined
}

/** Part of a change that a member asks another one for. */
interface AskedPart {
  readonly ringId: string
  /** Version by which the slots are to change hands. */
  readonly version: number
  readonly slots: SlotRanges
}

export interface AskedKeys extends AskedPart {
  /** The page begins after this key; undefined for the first one. */
  readonly after: string | undefined
}

export interface AskedChanges extends AskedPart {
  /** A position of the log that is asked. */
  readonly after: Position
}

/** A bounded part of what a member has of some slots. */
export interface MovedPage {
  /**
   * Of keys: what is written later than this, or was changed while pages are read, is among the changes after it. Of
   * changes: what the page comes up to.
   */
  readonly position: Position
  /** Keys in order, each once; changes in the order of the log, of each key perhaps several. */
  readonly items: readonly MovedWrite[]
  /**
   * The key that the page of keys ends with, shown or not. Undefined where nothing comes after it, for now. Of a page
   * that is still looked for, the key that it begins after, or '' for the first one.
   */
  readonly last: string | undefined
}

/** A change that a node asks the home of the ring for. */
export interface AskedRingChange {
  /** Address of the node that asks, which is to know the ring from then on. */
  readonly asker: string
  readonly change: RingPlan
}

export type RingPlan =
  | { readonly kind: 'replace'; readonly positions: Positions }
  | { readonly kind: 'add'; readonly position: number; readonly address: string }
  | { readonly kind: 'remove'; readonly address: string }
  /** No change, but that the one under way is called off. */
  | { readonly kind: 'call off' }
  /** Members whose logs are lost. The version of the ring that this was confirmed for; undefined for none. */
  | { readonly kind: 'remove lost'; readonly addresses: readonly string[]; readonly confirmed: number | undefined }
