import { KvsError } from '../../core/errors.ts'
import { covers, type Position } from '../../core/position.ts'
import { membersOf, type Ring, slotsOfMember } from '../../core/ring/description.ts'
import { slotsInBoth } from '../../core/ring/slot-ranges.ts'
import type { TakeProgress } from '../../kv/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/logging.ts'
import { askedOfLog, type KeyMover, type RingLog } from '../../log/index.ts'
import type { MemberClient } from '../member-client.ts'
import type { OwnNode } from '../own-node.ts'
import { conflict, type OwnRing } from '../own-ring.ts'
import { type Copy, makeCopy, type StoreMoved } from './copying.ts'
import type { Pace } from './pace.ts'

export interface RunParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly ringLog: Pick<RingLog, 'openMover'>
  readonly memberAt: (address: string) => MemberClient
  /** Holds for keys that are compared, and not for what was written to them meanwhile. */
  readonly pace: Pace
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly clock: Clock
}

/** The pause after all that there was has been copied, before more is asked for, in milliseconds. */
const restMs = 50
/** The pause after something went wrong, in milliseconds. */
const retryMs = 200
/** The pause while the last entries are waited for, in milliseconds. */
const shortRestMs = 5
/** For how long a node goes on that nobody asks, in milliseconds. The home may ask another node of this member. */
const unaskedMs = 20_000
/** How often this log may refuse what is to be stored, before that is what keeps the run from going on. */
const mostRefused = 3

/** Takes what one change gives, until the change is over or nobody asks any more. */
export class TakeRun {
  readonly version: number
  isOver = false
  private readonly parts: RunParts
  private readonly ring: Ring
  private readonly count: { moved: number }
  private readonly given = new AbortController()
  private readonly wake: AbortSignal
  private gives: ReadonlyMap<string, Position> | undefined
  private copies: ReadonlyMap<string, Copy> | undefined
  /** The copies whose answers were taken, and whether that was after all had given. */
  private readonly answered = new Map<Copy, 'before' | 'after'>()
  private keys = 0
  /** What keeps it from going on: with this log, by its own name, and with each member that has keys. */
  private readonly obstacles = new Map<string, string>()
  /** How often this log has refused what was to be stored, since it took something. */
  private refused = 0
  /** When the home asked for the last time, by the clock. */
  private asked: number
  private waiting: PromiseWithResolvers<void> | undefined

  constructor(parts: RunParts, ring: Ring, count: { moved: number }) {
    this.parts = parts
    this.ring = ring
    this.version = ring.version
    this.count = count
    this.wake = AbortSignal.any([this.given.signal, parts.stopping])
    this.asked = parts.clock.now()
    void this.go()
  }

  isOf({ id, version }: Ring): boolean {
    return id === this.ring.id && version === this.version
  }

  /** The home asks. */
  ask(gives: ReadonlyMap<string, Position> | undefined): void {
    this.asked = this.parts.clock.now()
    if (gives === undefined) return
    this.gives = gives
    this.given.abort()
  }

  /** Resolves at once where it has come as far as was asked for, or with the next step towards that. */
  news(): Promise<void> | undefined {
    const { state, obstacle } = this.progress
    if (this.isOver || obstacle !== undefined || state === (this.gives ? 'taken' : 'following')) return undefined
    this.waiting ??= Promise.withResolvers<void>()
    return this.waiting.promise
  }

  get progress(): TakeProgress {
    const [obstacle] = this.obstacles.values()
    return { state: this.state, keys: this.keys, obstacle }
  }

  private get state(): TakeProgress['state'] {
    const { copies, gives, answered } = this
    if (copies === undefined || [...copies.values()].some((copy) => !answered.has(copy))) return 'copying'
    const isTaken = [...copies].every(([address, copy]) => {
      const given = gives?.get(address)
      const { position } = copy
      return given && position && covers(position, given) && answered.get(copy) === 'after'
    })
    return isTaken ? 'taken' : 'following'
  }

  /** Whether the change is under way still, as far as the log knows, and somebody asks for it. */
  private get isWanted(): boolean {
    const { own, clock, stopping } = this.parts
    const { id, version } = own.bound?.ring ?? {}
    const isUnderWay = id === this.ring.id && version === this.version
    return isUnderWay && clock.now() - this.asked < unaskedMs && !stopping.aborted
  }

  private async go(): Promise<void> {
    const { clock, logger, own, stopping } = this.parts
    while (this.isWanted) {
      try {
        await this.withMover()
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        if (reason !== this.obstacles.get(own.self)) {
          logger.warn(`keys that version ${this.version} of the ring moves here: ${reason}`)
        }
        this.obstacles.set(own.self, reason)
        this.tell()
      }
      this.copies = undefined
      await clock.sleep(retryMs, stopping)
    }
    this.isOver = true
    this.obstacles.clear()
    this.tell()
  }

  /** Copies with one mover, as long as that lasts; does nothing where another node of the log has it. */
  private async withMover(): Promise<void> {
    const { node, ringLog } = this.parts
    const mover = await askedOfLog(ringLog.openMover())
    if (mover === undefined) return
    try {
      // Whatever others have moved before is known from here on, and nobody else moves anything.
      await node.waitForHead()
      this.answered.clear()
      this.copies = this.makeCopies()
      while (this.isWanted) await this.round(mover)
    } finally {
      await mover.close()
    }
  }

  private makeCopies(): Map<string, Copy> {
    const { node, own, memberAt } = this.parts
    const { id: ringId, version, positions, next = new Map() } = this.ring
    const taken = slotsOfMember(next, own.self)
    const givers = membersOf(positions).filter((address) => address !== own.self)
    const sources = givers.map((address) => [address, slotsInBoth(slotsOfMember(positions, address), taken)] as const)
    const ahead = { by: undefined }
    const copyOf = ([address, slots]: (typeof sources)[number]) =>
      [address, makeCopy(node, { giver: memberAt(address), ringId, version, slots }, ahead)] as const
    return new Map(sources.filter(([, slots]) => slots.length > 0).map(copyOf))
  }

  /** Has each copy go on by a step, and rests where nothing is left to do. */
  private async round(mover: KeyMover): Promise<void> {
    const { pace, stopping, clock } = this.parts
    for (const [address, copy] of this.copies ?? []) {
      const isComparing = copy.position === undefined
      const keys = await this.step(address, copy, mover)
      this.keys += keys
      // Once all have given, their clients wait.
      if (isComparing && this.gives === undefined) await pace.after(keys, () => this.isWanted)
    }
    const { state, gives } = this
    if (state === 'copying') return
    this.tell()
    if (state === 'taken') await clock.sleep(restMs, stopping)
    else await (gives === undefined ? clock.sleep(restMs, this.wake) : clock.sleep(shortRestMs, stopping))
  }

  /** A member that gives no answer is asked again: the copy holds. What this log fails in ends it. */
  private async step(address: string, copy: Copy, mover: KeyMover): Promise<number> {
    const { clock, own, stopping } = this.parts
    let failure: unknown
    const here = <T>(answer: Promise<T>): Promise<T> => {
      return askedOfLog(answer).catch((error: unknown) => {
        failure = error
        throw error
      })
    }
    try {
      const keys = await copy.step((moved) => here(this.store(mover, moved)))
      if (copy.isNear) {
        await this.takeAnswers(copy, { keepAnswers: (...answers) => here(mover.keepAnswers(...answers)) })
      }
      this.obstacles.delete(address)
      // A pass may go a long way through what is here already, again and again, and come to what is refused each time.
      if (copy.position !== undefined) this.refused = 0
      if (this.refused < mostRefused) this.obstacles.delete(own.self)
      return keys
    } catch (error) {
      if (failure !== undefined || !(error instanceof KvsError)) throw error
      this.obstacles.set(address, `${address}: ${error.message}`)
      this.tell()
      await clock.sleep(retryMs, stopping)
      return 0
    }
  }

  /** Once before all have given, so that few are left, and once after that. */
  private async takeAnswers(copy: Copy, mover: Pick<KeyMover, 'keepAnswers'>): Promise<void> {
    const at = this.gives === undefined ? 'before' : 'after'
    const was = this.answered.get(copy)
    if (was === at || was === 'after') return
    if (await copy.takeAnswers(mover, this.parts.own.boundAt)) this.answered.set(copy, at)
    else await this.parts.node.waitForHead()
  }

  private async store(mover: KeyMover, moved: Parameters<StoreMoved>[0]): Promise<void> {
    const { node, own } = this.parts
    while (moved.length > 0) {
      if (!this.isWanted) conflict(`version ${this.version} of the ring is over, or nobody asks for it`)
      this.refused++
      const end = await mover.append(moved, own.boundAt)
      this.refused = 0
      if (end !== undefined) {
        this.count.moved += moved.length
        return
      }
      // There is an entry on the ring that this node has not applied yet: of this change, or of its end.
      await node.waitForHead()
    }
  }

  /** Tells those who wait how it goes. */
  private tell(): void {
    this.waiting?.resolve()
    this.waiting = undefined
  }
}
