import { KvsError, NotOwner } from '../core/errors.ts'
import type { Routing } from '../http/api/index.ts'
import { Broken, headerOf, isStreamed, type Reply, type Request } from '../http/exchange/index.ts'
import type { RingService } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { drawPseudonym, valuesOf } from './onward-headers.ts'
import { type MemberTarget, makeRingMembers } from './ring-members.ts'
import { commonOwners } from './ring-owners.ts'
import { makeRingPart } from './ring-part.ts'
import { listenToNews } from './ring-pauses.ts'

export interface RingRoutingOptions {
  readonly ring: Pick<
    RingService,
    'self' | 'current' | 'versionText' | 'owns' | 'ownersOf' | 'members' | 'learnFrom' | 'onNews'
  >
  /** Makes the pool of connections to a member. Called once for each address, and the pool is closed by `stop`. */
  readonly targetOf: (address: string) => MemberTarget
  /** Longest wait for a member: to take a connection, to take more of a body, to reply. */
  readonly timeoutMs: number
  /** How long a request whose keys no member takes is tried again, in milliseconds. */
  readonly waitTimeoutMs: number
  readonly logger: Logger
  /** Node's own by default, as is `random`. */
  readonly clock?: Pick<Clock, 'now' | 'soon'>
  readonly random?: Random
}

export interface RingRouting extends Routing {
  readonly counts: RingRoutingCounts
  /** Ends every connection to a member. Requests that still wait for an answer get their 503. */
  stop(): Promise<void>
}

/** What was done so far, for the metrics. */
export interface RingRoutingCounts {
  /** Requests sent to other members, those for their parts of the keys among them. */
  readonly passedOn: number
  /** How many of these the member has refused, since it does not own the keys. */
  readonly refusedByVersion: number
  /** How often a request was tried again, here or elsewhere. */
  readonly retried: number
}

/** What `Routing.answer` is called with. */
interface Asked {
  readonly request: Request
  readonly keys: readonly string[]
  readonly local: () => Reply | Promise<Reply>
  readonly body: Buffer | undefined
}

const firstPauseMs = 20
const maxPauseMs = 200

/**
 * Has requests answered where their keys belong. A request is sent on only once, but for where a member has refused it
 * with `not_owner`: then nothing was done, and it is tried again until `waitTimeoutMs` is over.
 */
export function makeRingRouting(options: RingRoutingOptions): RingRouting {
  const { ring, targetOf, timeoutMs, waitTimeoutMs, logger, clock = systemClock, random = systemRandom } = options
  const counts = { passedOn: 0, refusedByVersion: 0, retried: 0 }
  const pseudonym = drawPseudonym(random)
  const versionText = () => ring.versionText()
  let isLearning = false
  const members = makeRingMembers({ targetOf, timeoutMs, pseudonym, versionText, logger, clock })

  /** Tries until somebody takes the keys. */
  async function find(asked: Asked): Promise<Reply> {
    const { request } = asked
    const endsAt = request.clock.now() + waitTimeoutMs
    const news = listenToNews(ring)
    try {
      for (let pauseMs = firstPauseMs; ; ) {
        requireClient(request)
        const heard = news.heard()
        const reply = await tryOnce(asked)
        if (reply !== undefined) return reply
        if (isFromMember(request)) throw refusalOf(askerOf(request) ?? '')
        const leftMs = endsAt - request.clock.now()
        if (leftMs <= 0) throw nobodyYet(waitTimeoutMs)
        if (news.heard() === heard) await news.pause(request, Math.min(pauseMs, leftMs))
        pauseMs = news.heard() === heard ? Math.min(2 * pauseMs, maxPauseMs) : firstPauseMs
        counts.retried++
      }
    } finally {
      news.end()
    }
  }

  /** Undefined where nobody takes the keys now, and nothing was done. */
  async function tryOnce(asked: Asked): Promise<Reply | undefined> {
    const { request, keys, local } = asked
    if (ownsAll(keys)) return unlessMoved(local)
    if (isFromMember(request)) return undefined
    for (const address of commonOwners(ring, keys)) {
      const reply = address === ring.self ? undefined : await passOn(asked, address)
      if (reply !== undefined) return reply
      requireClient(request)
    }
    return undefined
  }

  /** Undefined where the member does not own the keys. */
  async function passOn({ request, body }: Asked, address: string): Promise<Reply | undefined> {
    const { forward } = members.at(address)
    counts.passedOn++
    const reply = await forward(request, body ?? null)
    const [version] = valuesOf(reply.headers, 'kvs-ring')
    if (reply.status !== 421 || version === undefined) return reply
    await discard(request, reply.body)
    await refused(address, version)
    return undefined
  }

  async function refused(address: string, version: string): Promise<void> {
    counts.refusedByVersion++
    if (version !== versionText()) await ring.learnFrom(address)
  }

  /** Refuses a member that goes by another version. Where that is the newer one, this node asks the home for it. */
  function refusalOf(asker: string): NotOwner {
    const home = ring.current()?.home
    if (home !== undefined && !isLearning && isLater(asker, versionText())) {
      isLearning = true
      void ring.learnFrom(home).finally(() => {
        isLearning = false
      })
    }
    return new NotOwner(versionText(), asker === versionText() ? undefined : otherVersion(versionText()))
  }

  const ownsAll = (keys: readonly string[]) => keys.every((key) => ring.owns(key))

  return {
    counts,
    waitTimeoutMs,

    answer(request, keys, local, body) {
      const asker = askerOf(request)
      if (asker !== undefined && idIn(asker) !== idIn(versionText())) throw refusalOf(asker)
      const asked = { request, keys, local, body }
      if (!ownsAll(keys)) return find(asked)
      const findAnew = (error: unknown) => {
        if (error instanceof NotOwner) return find(asked)
        throw error
      }
      try {
        const reply = local()
        return reply instanceof Promise ? reply.catch(findAnew) : reply
      } catch (error) {
        return findAnew(error)
      }
    },

    async partsFor(request) {
      const asker = askerOf(request)
      if (asker !== undefined && asker !== versionText()) throw refusalOf(asker)
      if (asker !== undefined || ring.current() === undefined) return undefined
      return ring.members().map((address) =>
        makeRingPart({
          ...{ address, isOwn: address === ring.self, versionText, timeoutMs, pseudonym, refused },
          memberAt(address) {
            const member = members.at(address)
            counts.passedOn++
            return member
          },
        }),
      )
    },

    stop: () => members.stop(),
  }
}

const isFromMember = (request: Request) => askerOf(request) !== undefined

/**
 * The version of the ring that a member goes by which has passed on a request; undefined where a client has sent it.
 * @throws KvsError bad_request
 */
function askerOf(request: Request): string | undefined {
  const text = headerOf(request, 'kvs-ring')
  if (text === undefined || /^[0-9a-f]{1,64}=[1-9]\d{0,15}$/.test(text)) return text
  throw new KvsError('bad_request', 'KVS-Ring takes what it had in an answer, ID=VERSION; nothing was done')
}

const otherVersion = (version: string) =>
  version === ''
    ? 'this node is in no ring, and KVS-Ring names one; nothing was done'
    : `this node goes by the version ${version} of the ring, and KVS-Ring names another; nothing was done`

/** Id of the ring in a version's text; empty for none. */
const idIn = (version: string) => version.split('=', 1)[0]

/** Whether a version comes after another one of its ring. */
function isLater(version: string, other: string): boolean {
  const numberIn = (text: string) => Number(text.slice(text.indexOf('=') + 1))
  return idIn(version) === idIn(other) && numberIn(version) > numberIn(other)
}

/** Undefined where the keys have moved to another member meanwhile. */
async function unlessMoved(local: () => Reply | Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await local()
  } catch (error) {
    if (error instanceof NotOwner) return undefined
    throw error
  }
}

/** @throws Broken */
function requireClient(request: Request): void {
  if (request.isOver) throw new Broken('the client is gone')
}

/** Reads the rest of an answer, and drops it. One that does not come is given up by whoever reads it. */
async function discard(request: Request, body: Reply['body']): Promise<void> {
  if (isStreamed(body)) {
    await new Promise<void>((resolve) => {
      body.open({ write: () => true, onDrain: () => undefined, end: resolve, abort: resolve })
    })
  }
  request.resource = undefined
}

function nobodyYet(waitTimeoutMs: number): KvsError {
  return new KvsError(
    'cannot_forward',
    `the ring is being changed, and no member has taken the key within ${waitTimeoutMs} ms; nothing was done`,
  )
}
