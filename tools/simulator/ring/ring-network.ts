import { type ErrorCode, KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import { doOnce } from '../../../kvs/http/api/index.ts'
import type { MovedPage, PassedOnWrite } from '../../../kvs/kv/index.ts'
import { type MemberClient, memberTimes } from '../../../kvs/ring/index.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Node } from '../node.ts'
import type { Server } from '../requester.ts'
import type { PathFault } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import { makePaths } from '../sites/paths.ts'
import { makeRepeats } from './repeated-requests.ts'
import { addressOf } from './ring-schedule.ts'

/** The network between members: a request and its answer, each in one piece. */
export interface RingNetwork {
  /**
   * Has one of the nodes at an address do something. Rejects as `kvs/ring/member-ask.ts` does: with the member's own
   * error where that is the caller's to know, and with `cannot_forward` where no answer comes. Then it may be done, or
   * may be yet.
   */
  ask<Result>(asked: Asked, act: (server: RingServer) => Promise<Result>): Promise<Result>
  /** As a process of a member asks the member at an address. */
  clientOf(from: Origin, address: string): MemberClient
  /** As `makePassingOn` has it. */
  spooledOf(from: Origin, address: string): (passedOn: PassedOnWrite, version: string) => Promise<void>
  /** Returns what takes the fault back. */
  putOn(fault: PathFault): () => void
}

/** Who asks: a process of a member, by its number. */
export interface Origin {
  readonly member: number
  readonly process: Lane
}

export interface Asked {
  readonly from: Origin
  readonly address: string
  readonly timeoutMs: number
  /** Whether the request does no more where it comes twice; false by default. */
  readonly mayRepeat?: boolean
}

/** A process that is a member of the ring, or may be. */
export type RingServer = Server & { readonly ring: NonNullable<Server['ring']> }

export interface RingNetworkOptions {
  /** Nodes of each member. They are there when the first process starts. */
  readonly nodesOf: (member: number) => readonly Node[]
  readonly members: number
  /** What is under way goes on, whoever is killed. */
  readonly lane: Lane
  readonly random: SeededRandom
  /** Mean time of a way between two members, in milliseconds. */
  readonly meanMs: number
  /** Told what must not be. */
  readonly violation: (sentence: string) => void
}

/** As `kvs/ring/http-spooled.ts` has it. */
const spooledMs = 5_000
/** As `kvs/ring/member-ask.ts` has them. */
const passedOn: readonly ErrorCode[] = ['ring_conflict', 'cannot_forward', 'bad_request']

export function makeRingNetwork(options: RingNetworkOptions): RingNetwork {
  const { nodesOf, members, random, violation } = options
  const paths = makePaths(options)
  const repeats = makeRepeats(options)
  const numbers = new Map(Array.from({ length: members }, (_, member) => [addressOf(member), member]))

  /** One of the nodes that listen, as a balancer chooses it. */
  function reached(member: number): RingServer | undefined {
    const servers = nodesOf(member).flatMap((node) => node.server() ?? [])
    const server = servers.length > 1 ? random.pick(servers) : servers[0]
    return server as RingServer | undefined
  }

  /** What the caller gets to know of an error, whose process answers with its text. */
  function told(address: string, error: unknown): KvsError {
    if (error instanceof NotOwner) return new NotOwner(error.ring, error.message)
    if (!(error instanceof KvsError)) violation(`${address} answers 500: ${textOf(error)}`)
    else if (passedOn.includes(error.code)) return new KvsError(error.code, error.message)
    return new KvsError('cannot_forward', `${address} answers: ${textOf(error)}`)
  }

  function ask<Result>(asked: Asked, act: (server: RingServer) => Promise<Result>): Promise<Result> {
    const { from, address, timeoutMs, mayRepeat = false } = asked
    const to = numbers.get(address)
    const answer = Promise.withResolvers<Result>()
    const fail = (reason: string) =>
      answer.reject(new KvsError('cannot_forward', `the ring needs ${address}: ${reason}`))
    const silence = from.process.after(timeoutMs, () => fail('it gives no answer in time'))

    /** Runs `settle` at the process that asks, once what is sent there now arrives. */
    async function tell(settle: () => void): Promise<void> {
      await paths.cross(to ?? from.member, from.member)
      from.process.after(0, settle)
    }

    async function send(): Promise<void> {
      await paths.cross(from.member, to ?? from.member)
      const server = to === undefined ? undefined : reached(to)
      if (server === undefined) return tell(() => fail('it refuses the connection'))
      const forget = server.onceGone(() => void tell(() => fail('it resets the connection')))
      server.lane.after(0, () => {
        act(server)
          .then(
            (result) => tell(() => answer.resolve(result)),
            (error) => {
              const known = told(address, error)
              return tell(() => answer.reject(known))
            },
          )
          .finally(forget)
      })
    }

    void send()
    if (mayRepeat && to !== undefined) repeats.note(from.member, to, () => reached(to), act)
    return answer.promise.finally(silence.cancel)
  }

  /** As if a page had no room for more keys, so that pages end everywhere. */
  function shortened(page: MovedPage): MovedPage {
    const most = random.integer(1, 7)
    if (page.items.length <= most) return page
    const items = page.items.slice(0, most)
    return { ...page, items, last: items.at(-1)?.write.key }
  }

  return {
    ask,
    clientOf(from, address) {
      const askRing = <Result>(timeoutMs: number, act: (ring: RingServer['ring']) => Promise<Result>) =>
        ask({ from, address, timeoutMs, mayRepeat: true }, ({ ring }) => act(ring))
      const { stateMs, answerMs, pageMs, changeMs } = memberTimes
      return {
        // Whoever asks goes by the answer, as if it were the log's.
        state: () => askRing(stateMs, (ring) => ring.catchUp().then(() => ring.state())),
        learn: (...asked) => askRing(answerMs, (ring) => ring.learn(...asked)),
        give: (...asked) => askRing(answerMs, (ring) => ring.give(...asked)),
        take: (...asked) => askRing(answerMs, (ring) => ring.take(...asked)),
        movedKeys: (asked) => askRing(pageMs, (ring) => ring.movedKeys(asked).then(shortened)),
        movedChanges: (asked) => askRing(pageMs, (ring) => ring.movedChanges(asked)),
        movedAnswers: (asked) => askRing(answerMs, (ring) => ring.movedAnswers(asked)),
        change: (asked) => askRing(changeMs, (ring) => ring.change(asked)),
      }
    },
    spooledOf: (from, address) => (passedOn, version) =>
      ask({ from, address, timeoutMs: spooledMs, mayRepeat: true }, async ({ kv, ring }) => {
        const own = ring.versionText()
        if (own === '' || idIn(own) !== idIn(version)) throw new NotOwner(own)
        await doOnce(kv, passedOn)
      }),
    putOn({ kind, from, to }) {
      const both = (act: (from: number, to: number) => () => void) => {
        const ends = [act(from, to), act(to, from)]
        return () => {
          for (const end of ends) end()
        }
      }
      if (kind === 'partition') return both(paths.cut)
      if (kind === 'one way') return paths.cut(from, to)
      if (kind === 'slow path') return both(paths.slow)
      if (kind === 'repeated requests') return repeats.putOn(from, to)
      throw new Error(`there are no ${kind} between members of a ring`)
    },
  }
}

/** Id of the ring in a version's text; empty for none. */
export const idIn = (version: string) => version.split('=', 1)[0]

const textOf = (error: unknown) => (error instanceof KvsError ? `${error.code}: ${error.message}` : String(error))
