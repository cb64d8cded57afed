import { KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import { wait } from '../disk.ts'
import { idIn, type RingNetwork, type RingServer } from './ring-network.ts'

/** What is done where a key belongs. Rejects with `NotOwner` alone. */
export type Local<Reply> = (server: RingServer) => Promise<Reply>

export interface RoutedRequest<Reply> {
  readonly key: string
  readonly local: Local<Reply>
  /** The reply where no member takes the key for so long that nothing was done. */
  readonly nobody: Reply
  /** The reply where a member that was asked gives no answer: it may be done, or may be yet. */
  readonly unanswered: Reply
}

export interface RoutingOptions {
  readonly network: RingNetwork
  /** The process that a client asks, and the number of its member. */
  readonly server: RingServer
  readonly member: number
  readonly now: () => number
  readonly random: SeededRandom
}

const firstPauseMs = 20
const maxPauseMs = 200
/** KVS_WAIT_TIMEOUT and KVS_FORWARD_TIMEOUT. */
const waitTimeoutMs = 5_000
const forwardTimeoutMs = 5_000

/** Has a request answered where its key belongs: the rules of `kvs/forward/ring-routing.ts`, without its HTTP. */
export async function answerRouted<Reply>(options: RoutingOptions, request: RoutedRequest<Reply>): Promise<Reply> {
  const { server, now } = options
  const { ring } = server
  const endsAt = now() + waitTimeoutMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
    const version = ring.versionText()
    const reply = await tryOnce(options, request)
    if (reply !== undefined) return reply
    const leftMs = endsAt - now()
    if (leftMs <= 0) return request.nobody
    if (ring.versionText() === version) await wait(server.lane, Math.min(pauseMs, Math.ceil(leftMs)))
  }
}

/** Undefined where nobody takes the key now, and nothing was done. */
async function tryOnce<Reply>(options: RoutingOptions, request: RoutedRequest<Reply>): Promise<Reply | undefined> {
  const { server } = options
  const { ring } = server
  if (ring.owns(request.key)) return unlessMoved(server, request.local)
  for (const address of ring.ownersOf(request.key)) {
    const reply = address === ring.self ? undefined : await passOn(options, request, address)
    if (reply !== undefined) return reply
  }
  return undefined
}

/** Undefined where the member does not own the key. */
async function passOn<Reply>(
  { network, server, member }: RoutingOptions,
  { local, unanswered }: RoutedRequest<Reply>,
  address: string,
): Promise<Reply | undefined> {
  const { ring } = server
  const asker = ring.versionText()
  const asked = { from: { member, process: server.lane }, address, timeoutMs: forwardTimeoutMs }
  try {
    return await network.ask(asked, (to) => answerPassedOn(to, asker, local))
  } catch (error) {
    if (!(error instanceof KvsError)) throw error
    if (!(error instanceof NotOwner)) return unanswered
    if (error.ring !== ring.versionText()) await ring.learnFrom(address)
    return undefined
  }
}

/** As a member answers what another one has passed on, which goes by the version `asker`. */
async function answerPassedOn<Reply>(server: RingServer, asker: string, local: Local<Reply>): Promise<Reply> {
  if (idIn(asker) !== idIn(server.ring.versionText())) throw refusalOf(server, asker)
  // The store refuses a key that it does not own.
  const reply = await unlessMoved(server, local)
  if (reply !== undefined) return reply
  throw refusalOf(server, asker)
}

/** Where the asker's version is the newer one, the node asks the home for it. */
function refusalOf({ ring }: RingServer, asker: string): NotOwner {
  const home = ring.current()?.home
  if (home !== undefined && isLater(asker, ring.versionText())) void ring.learnFrom(home)
  return new NotOwner(ring.versionText())
}

/** Whether a version comes after another one of its ring. */
function isLater(version: string, other: string): boolean {
  const numberIn = (text: string) => Number(text.slice(text.indexOf('=') + 1))
  return idIn(version) === idIn(other) && numberIn(version) > numberIn(other)
}

/** Undefined where the key has moved to another member meanwhile. */
async function unlessMoved<Reply>(server: RingServer, local: Local<Reply>): Promise<Reply | undefined> {
  try {
    return await local(server)
  } catch (error) {
    if (error instanceof NotOwner) return undefined
    throw error
  }
}
